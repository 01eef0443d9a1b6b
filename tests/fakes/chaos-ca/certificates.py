"""Issues for a finalized order, rightly or as a fault has it."""
import base64

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from book import Certificate
from issuing import Authority, pem_of


def certificate_id(leaf):
    """RFC 9773 4.1."""
    authority = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    number = leaf.serial_number
    serial = number.to_bytes(number.bit_length() // 8 + 1, "big")
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (authority, serial))


def _leaf(ca, order, csr):
    now, wants = ca.clock.now(), ca.plan.wants
    start, end = now - 3600, now - 3600 + ca.options.certificate_lifetime
    key, names = csr.public_key(), order.names
    if wants("wrong-leaf-key"):
        key = ec.generate_private_key(ec.SECP256R1()).public_key()
    if wants("wrong-leaf-name"):
        names = ["somebody-else.example"]
    if wants("extra-leaf-name"):
        names = [*names, "somebody-else.example"]
    if wants("missing-leaf-name"):
        names = names[1:] or ["somebody-else.example"]
    if wants("expired-leaf"):
        start, end = now - 90 * 86400, now - 86400
    if wants("future-leaf"):
        start, end = now + 30 * 86400, now + 60 * 86400
    return ca.issuer.leaf(key, names, start, end)


def issue(ca, order, csr):
    issuer, wants = ca.issuer, ca.plan.wants
    leaf = _leaf(ca, order, csr)
    chain = [leaf, issuer.intermediate.certificate]
    if wants("leaf-only"):
        chain = chain[:1]
    if wants("foreign-issuer"):
        chain[1] = Authority("Nobody's CA", issuer.intermediate.certificate.not_valid_before).certificate
    if wants("chain-reversed"):
        chain.reverse()
    if wants("root-included"):
        chain.append(issuer.root.certificate)
    if wants("long-chain"):
        chain += [issuer.intermediate.certificate] * 200
    text = "".join(pem_of(certificate) for certificate in chain)
    if wants("text-in-pem"):
        text = "subject=/CN=" + order.names[0] + "\nissued with care\n" + text.replace("-----END CERTIFICATE-----\n",
                                                                                      "-----END CERTIFICATE-----\n\n") + "bye\n"
    if wants("crlf-in-pem"):
        text = text.replace("\n", "\r\n")
    if wants("key-in-pem"):
        text += "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END PRIVATE KEY-----\n"
    if wants("not-a-certificate"):
        text = "-----BEGIN CERTIFICATE-----\n" + base64.b64encode(b"not DER at all").decode() + "\n-----END CERTIFICATE-----\n"
    if wants("empty-chain"):
        text = ""
    alternates = [pem_of(leaf) + pem_of(issuer.cross)] if wants("alternate-chain") else []
    return Certificate(order, leaf, text, alternates)
