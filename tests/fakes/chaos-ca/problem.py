"""Problem documents (RFC 8555 6.7, RFC 9457), raised wherever a request is refused."""

NAMESPACE = "urn:ietf:params:acme:error:"
STATUS = {"accountDoesNotExist": 400, "badCSR": 400, "badNonce": 400, "badPublicKey": 400, "badSignatureAlgorithm": 400,
          "externalAccountRequired": 403, "malformed": 400, "orderNotReady": 403, "rateLimited": 429,
          "rejectedIdentifier": 400, "serverInternal": 500, "unauthorized": 403, "unsupportedIdentifier": 400,
          "userActionRequired": 403, "alreadyRevoked": 400, "badRevocationReason": 400, "alreadyReplaced": 409,
          "invalidProfile": 400, "conflict": 409, "caa": 403, "dns": 400, "connection": 400, "incorrectResponse": 403}


class Problem(Exception):
    def __init__(self, kind, detail, status=None, headers=None):
        super().__init__(detail)
        self.kind, self.detail = kind, detail
        self.status = status or STATUS[kind]
        self.headers = headers or {}

    def document(self):
        return {"type": NAMESPACE + self.kind, "detail": self.detail, "status": self.status}
