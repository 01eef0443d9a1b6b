"""What tests ask and tell the CA while it runs, over plain HTTP on a port of its own.

POST /faults   lines of faults, added to those that are left        DELETE /faults   forget all
GET  /faults   those that are left, with how often each came        POST /options    NAME=VALUE lines
GET  /state    accounts, orders and certificates                    POST /accounts/deactivate   every account
"""
import json

from server import Reply


class Admin:
    def __init__(self, ca):
        self.ca = ca

    def http_date(self):
        return self.ca.http_date()

    def answer(self, request):
        lines = request.body.decode(errors="replace")
        try:
            if (request.method, request.path) == ("POST", "/faults"):
                self.ca.plan.add_lines(lines)
            elif (request.method, request.path) == ("DELETE", "/faults"):
                self.ca.plan.clear()
            elif (request.method, request.path) == ("POST", "/options"):
                self.ca.options.change(lines.split())
            elif (request.method, request.path) == ("POST", "/accounts/deactivate"):
                self.ca.deactivate_accounts()
            elif request.path not in ("/faults", "/state"):
                return Reply(404)
        except ValueError as fault:
            return Reply(400, {"Content-Type": "text/plain"}, f"{fault}\n".encode())
        shown = self.ca.plan.shown() if request.path == "/faults" else self.ca.shown()
        return Reply(200, {"Content-Type": "application/json"}, json.dumps(shown, indent=1).encode())
