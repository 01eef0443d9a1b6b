"""A strict reader of syslog messages: the grammar of RFC 5424 section 6, rule by rule."""
import re

NILVALUE = "-"
PRINTUSASCII = r"[!-~]"
SD_NAME = r"[!#-<>-\\^-~]{1,32}"  # PRINTUSASCII but for = ] "
DATE = r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
TIME = r"(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)"
HEADER = re.compile(rf"<(0|[1-9]\d{{0,2}})>([1-9]\d{{0,2}}) (-|{DATE}T{TIME}) (-|{PRINTUSASCII}{{1,255}}) "
                    rf"(-|{PRINTUSASCII}{{1,48}}) (-|{PRINTUSASCII}{{1,128}}) (-|{PRINTUSASCII}{{1,32}}) ")
ELEMENT = re.compile(rf'\[({SD_NAME})((?: {SD_NAME}="(?:[^"\\\]]|\\.)*")*)\]', re.S)
PARAM = re.compile(rf' ({SD_NAME})="((?:[^"\\\]]|\\.)*)"', re.S)


class Message:
    """A message taken apart; ValueError when it breaks a rule."""

    def __init__(self, octets):
        text = octets.decode()
        head = HEADER.match(text)
        if not head or int(head[1]) > 191:
            raise ValueError(f"no RFC 5424 header: {text!r}")
        self.facility, self.severity = divmod(int(head[1]), 8)
        self.version = int(head[2])
        self.timestamp, self.hostname, self.app_name, self.procid, self.msgid = head.group(3, 4, 5, 6, 7)
        self.data, at = self.elements(text, head.end())
        if at < len(text) and text[at] != " ":
            raise ValueError(f"no space before the message: {text[at:]!r}")
        self.text = text[at + 1:]

    @staticmethod
    def elements(text, at):
        if text.startswith(NILVALUE, at):
            return {}, at + 1
        found = {}
        while element := ELEMENT.match(text, at):
            if element[1] in found:
                raise ValueError(f"twice: {element[1]}")  # 6.3.2
            found[element[1]] = {name: re.sub(r'\\(["\\\]])', r"\1", value) for name, value in PARAM.findall(element[2])}
            at = element.end()
        if not found:
            raise ValueError(f"no structured data: {text[at:]!r}")
        return found, at


def octet_counted(stream):
    """The messages of RFC 6587 3.4.1; ValueError for anything left over."""
    messages = []
    while stream:
        count, space, rest = stream.partition(b" ")
        if not space or not re.fullmatch(rb"[1-9]\d*", count) or len(rest) < int(count):
            raise ValueError(f"no frame: {stream[:80]!r}")
        messages.append(rest[:int(count)])
        stream = rest[int(count):]
    return messages
