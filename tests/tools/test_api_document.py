"""docs/api.md lists every problem type that the sources can give a reason of their own, with the status of its code."""
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
STATUS = {"CS_EINPUT": 400, "CS_EDENIED": 403, "CS_ENOTFOUND": 404, "CS_ECONFLICT": 409, "CS_ELIMIT": 429, "CS_EBUSY": 503,
          "CS_ETIMEDOUT": 504, "CS_ESHUTDOWN": 503, "CS_EUPSTREAM": 502, "CS_EREFUSED": 502, "CS_ECONFIG": 500,
          "CS_EINTERNAL": 500, "CS_ERESTART": 503, "CS_ECREDENTIAL": 401}

# Of CS_EINPUT, as asking again does not help, with the status that HTTP has for it: core/http/revoke.c.
OF_ITS_OWN = {"certificate-ended": 409}


def documented():
    """Each type's status, as the tables of the document have it."""
    rows = re.findall(r"^\| `([a-z0-9-]+)` \| (\d{3}) \| \w", (ROOT / "docs/api.md").read_text(), re.M)
    assert len(rows) == len(dict(rows)), "a type stands in the document twice"
    return {name: int(status) for name, status in rows}


def reasons():
    """Each reason in the sources with its file and code: cs_fail_as(err, CODE, "reason", …), and the rows of tables."""
    for folder in ("core", "plugins"):
        for path in sorted((ROOT / folder).rglob("*.c")):
            for code, reason in re.findall(r'\b(CS_E[A-Z]+),\s*"([a-z0-9]+(?:-[a-z0-9]+)+|extension)"', path.read_text()):
                yield path.relative_to(ROOT), code, reason


def test_every_reason_in_the_sources_is_documented_with_its_status():
    types = documented()
    found = list(reasons())
    assert len(found) > 20, "the sources no longer look as this test expects"
    missing = [f"{path}: {reason} ({STATUS[code]})" for path, code, reason in found
               if types.get(reason) != OF_ITS_OWN.get(reason, STATUS[code])]
    assert not missing, "add to docs/api.md, and its title to core/base/reason.c: " + "; ".join(missing)


def test_every_reason_in_the_sources_is_in_the_list_that_counters_go_by():
    known = set(re.findall(r'\{ "([a-z0-9-]+)",\s*"', (ROOT / "core/base/reason.c").read_text()))
    unknown = {f"{path}: {reason}" for path, code, reason in reasons() if reason not in known | {"not-found"}}
    assert not unknown, "add to core/base/reason.c: " + "; ".join(sorted(unknown))


def test_every_code_s_own_type_is_documented_with_its_status():
    types = documented()
    text = (ROOT / "core/base/error.c").read_text()
    kinds = re.findall(r'\[(CS_E[A-Z]+)\]\s*= \{ "CS_E[A-Z]+",\s*"([a-z-]+)",\s*"([^"]+)",\s*(\d+)', text)
    assert len(kinds) == len(STATUS)
    for code, slug, title, status in kinds:
        assert STATUS[code] == int(status) == types.get(slug), f"{slug} of {code}"
        assert title in (ROOT / "docs/api.md").read_text(), title
