"""Keys, certificates and CSRs made with openssl alone: Pebble's own HTTPS certificate, and what clients post."""
import pathlib

from child import run

KEY_TYPES = {
    "p256": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "p384": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"],
    "p521": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-521"],
    "rsa512": ["-newkey", "rsa:512"],
    "rsa2048": ["-newkey", "rsa:2048"],
    "rsa4096": ["-newkey", "rsa:4096"],
}


def make_server_pki(folder):
    """ca.pem, and server.pem with server.key for localhost and 127.0.0.1."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    run(["openssl", "req", "-x509", *KEY_TYPES["p256"], "-nodes", "-days", "30", "-subj", "/CN=Trial CA for Pebble",
         "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-keyout", folder / "ca.key", "-out", folder / "ca.pem"],
        "openssl could not make a CA")
    run(["openssl", "req", *KEY_TYPES["p256"], "-nodes", "-subj", "/CN=localhost",
         "-keyout", folder / "server.key", "-out", folder / "server.csr"], "openssl could not make a CSR")
    extensions = folder / "server.ext"
    extensions.write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n")
    run(["openssl", "x509", "-req", "-in", folder / "server.csr", "-CA", folder / "ca.pem", "-CAkey", folder / "ca.key",
         "-CAcreateserial", "-days", "30", "-extfile", extensions, "-out", folder / "server.pem"],
        "openssl could not sign the server's certificate")
    for name in ("ca.pem", "server.pem"):
        (folder / name).chmod(0o644)


def csr_command(key, csr, subject, names, key_type="p256"):
    """The openssl command that makes a key and a CSR: what a client types."""
    san = ["-addext", "subjectAltName=" + ",".join(f"DNS:{name}" for name in names)] if names else []
    return ["openssl", "req", "-new", *KEY_TYPES[key_type], "-nodes", "-keyout", str(key), "-subj", subject, *san,
            "-out", str(csr)]


def make_csr(folder, name, subject=None, names=None, key_type="p256"):
    """folder/name.key and folder/name.csr; the CSR's path. Without more, subject and SAN are the name."""
    folder = pathlib.Path(folder)
    names = [name] if names is None else names
    csr = folder / f"{name.replace('*', '_')}.csr"
    run(csr_command(csr.with_suffix(".key"), csr, subject or f"/CN={name}", names, key_type), "openssl could not make a CSR")
    return csr
