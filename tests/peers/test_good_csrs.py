"""Some dozens of good CSRs, as OpenSSL, GnuTLS and python-cryptography make them: none is refused.

tools/good-csrs tries thousands, and other tools.
"""
import good_csrs

ZONE = "trial.example"


def test_no_good_csr_is_refused(lab):
    server = lab.server()
    server.config["ca"]["local"] = {"plugin": "ca-local"}
    server.start()
    server.add_zone(ZONE)
    makers = good_csrs.Makers(lab.place("made"), ZONE, 2986, few=True)
    csrs = makers.openssl(12) + makers.gnutls(12) + makers.python(12)
    good_csrs.add_subjects(server, ZONE, csrs)
    assert good_csrs.refusals(server, csrs) == []
