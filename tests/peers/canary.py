"""Values that must be written nowhere, and the search for them in every form that a program could have written them in.

What could stand in a file by chance (four bytes, ten digits) is not proof: it is counted beside the same forms of as many
values that nobody ever sent.
"""
import base64
import ipaddress
import pathlib
import secrets
import struct
import subprocess
import urllib.parse


def base64_forms(raw):
    """What base64 makes of the bytes wherever they stand in a longer text, without the ends that depend on what is beside.
    What is left of four bytes at some places is in every long text."""
    forms = set()
    for before in range(3):
        text = base64.b64encode(bytes(before) + raw)
        piece = text[-(-before * 8 // 6):(before + len(raw)) * 8 // 6]
        if len(piece) >= 6:
            forms |= {piece, piece.replace(b"+", b"-").replace(b"/", b"_")}
    return forms


def byte_forms(raw):
    """Of a number or a key: as it is, turned round, in hexadecimal, in base64."""
    forms = {raw, raw[::-1]}
    for text in (raw.hex(), raw[::-1].hex()):
        forms |= {text.encode(), text.upper().encode()}
    return forms | base64_forms(raw)


def text_forms(text):
    raw = text.encode()
    forms = {raw, text.encode("utf-16-le"), text.encode("utf-16-be"), raw.hex().encode(), raw.hex().upper().encode()}
    for escape in ("%%%02x", "%%%02X", "\\x%02x", "\\u%04x", "\\%03o", "&#%d;"):
        forms.add("".join(escape % byte for byte in raw).encode())
    quoted = urllib.parse.quote(text, safe="")
    return forms | {quoted.encode(), quoted.lower().encode()} | base64_forms(raw)


class Canary:
    """One value: `sure` forms prove that it was written, `weak` ones only when there are more of them than by chance."""

    def __init__(self, name, sure, weak=()):
        self.name = name
        self.sure = {form for form in sure if len(form) >= 8}
        self.weak = {form for form in {*sure, *weak} - self.sure if len(form) >= 4}


def word(name, text):
    """A user agent, a label's value, a subject: something long and random."""
    return Canary(name, text_forms(text) | text_forms(text.lower()) | text_forms(text.upper()))


def ipv4(address):
    ip = ipaddress.IPv4Address(address)
    raw = ip.packed
    sure = set()
    for text in (str(ip), ".".join(reversed(str(ip).split("."))), "%x:%x" % struct.unpack("!HH", raw)):
        sure |= text_forms(text)
    # As struct source has it, as IPv4 in IPv6, as NAT64, and as the kernel's socket addresses end.
    for more in (raw + bytes(4), b"\xff\xff" + raw, bytes.fromhex("0064ff9b") + bytes(8) + raw, raw + bytes(8)):
        sure |= byte_forms(more)
    number = int(ip)
    weak = byte_forms(raw) | {b"%d" % number, b"%d" % int.from_bytes(raw, "little"), b"%d" % (number - 2**32)}
    return Canary(f"IPv4 {ip}", sure - weak, weak)


def ipv6(address):
    """The /64 is what counts as a source, so finding that is finding it."""
    ip = ipaddress.IPv6Address(address)
    sure = set()
    short = ":".join(part.lstrip("0") or "0" for part in ip.exploded.split(":")[:4])
    for text in (ip.compressed, ip.exploded, ip.exploded[:19], short):
        sure |= text_forms(text) | text_forms(text.upper())
    nibbles = ip.exploded.replace(":", "")
    sure |= text_forms(".".join(reversed(nibbles))) | text_forms(".".join(reversed(nibbles[:16])))
    sure |= byte_forms(ip.packed) | byte_forms(ip.packed[:8])
    number = int.from_bytes(ip.packed[:8], "big")
    return Canary(f"IPv6 {ip}", sure | {b"%d" % number, b"%d" % (number - 2**64)})


def new_ipv4():
    """Without small numbers: the text of it is in no version, no OID and no other address."""
    return ".".join(str(100 + secrets.randbelow(156)) for _ in range(4))


def new_ipv6():
    return str(ipaddress.IPv6Address(b"\x2a" + secrets.token_bytes(15)))


class Search:
    """`program`: find_bytes (tests/privacy). `control`: canaries that nobody ever sent."""

    def __init__(self, program, folder, canaries, control):
        self.program = program
        self.folder = pathlib.Path(folder)
        self.patterns = self.folder / "patterns"
        self.all = [*canaries, *control]
        self.n_sent = len(canaries)
        self.meaning = []  # of each pattern: which canary, and whether it is proof
        with open(self.patterns, "wb") as file:
            for number, canary in enumerate(self.all):
                for sure, forms in ((True, canary.sure), (False, canary.weak)):
                    for form in sorted(forms):
                        self.meaning.append((number, sure))
                        file.write(struct.pack("=H", len(form)) + form)

    def look(self, paths):
        """Proofs as lines; how many weak forms were found, of what was sent and of what never was; the bytes searched."""
        done = subprocess.run([self.program, self.patterns, *paths], capture_output=True, text=True, check=True, timeout=120)
        proofs, weak = [], [0, 0]
        *lines, last = done.stdout.splitlines()
        for line in lines:
            index, count, path = line.split(" ", 2)
            number, sure = self.meaning[int(index)]
            if sure:
                proofs.append(f"{self.all[number].name} is in {path}, {count} times")
            else:
                weak[number >= self.n_sent] += int(count)
        return proofs, weak, int(last.split()[1])


def more_than_chance(weak):
    """Two counts of what should be equally rare: is the first larger than five deviations of their difference allow?"""
    sent, never = weak
    return sent - never > 5 * (sent + never + 1) ** 0.5
