/*
 * The operator's question on the control socket, from `countersign revoke`:
 *
 *     POST /v1/revoke   {"serial", "sha256", "ca", "reason", "dry_run"}: the first and `reason` are needed
 *
 * Answered with {"status"}: "revoked" as http/revoke.h tells it; "pending" with "detail"; "found" with "certificates", of a dry
 * run or when there are several; or with a problem. Called by control.c.
 */
#ifndef HTTP_CONTROL_REVOKE_H
#define HTTP_CONTROL_REVOKE_H

#include "http/control.h"

/* `question` is anything; the call is answered now or later. */
void control_revoke(struct heart *heart, const json_t *question, struct control_call *call);

#endif
