/*
 * What `countersign doctor` has found, a line each, as soon as it is known: for people in groups, or as JSON. Used by
 * doctor*.c.
 */
#ifndef COMMAND_DOCTOR_REPORT_H
#define COMMAND_DOCTOR_REPORT_H

#include <countersign/plugin.h>
#include <stdio.h>

enum doctor_group { DOCTOR_CONFIGURATION, DOCTOR_HOST, DOCTOR_STORE, DOCTOR_CA, DOCTOR_DNS };
enum doctor_verdict { DOCTOR_OK, DOCTOR_WARN, DOCTOR_FAIL };

struct doctor_report {
    FILE *to;
    bool json;
    bool begun;
    enum doctor_group group; /* of the last line */
    size_t n[DOCTOR_FAIL + 1];
};

/* `check`: the name of it, as docs/doctor.md lists them. `about`: what was looked at. `text` is what was seen and, behind its
 * last newline, what to do, which is not shown with what is ok. Control characters are shown as "?". */
void doctor_report_add(struct doctor_report *report, enum doctor_group group, const char *check, enum doctor_verdict verdict,
                       const char *about, const char *text);
void doctor_report_end(struct doctor_report *report, int64_t took_ms);

/* 0: all ok; 1: something fails; 3: warnings only. */
int doctor_report_code(const struct doctor_report *report);

#endif
