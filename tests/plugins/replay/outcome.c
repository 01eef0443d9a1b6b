/* How an op of a replay ends. See replay.h. */
#include "replay.h"

#include <string.h>

static bool is_over(const void *arg)
{
    (void)arg;
    return host_result(run.op)->finished;
}

static void result_error(const char *at)
{
    const struct cs_error *err = &host_result(run.op)->err;
    enum cs_code code = code_of(word(&at));
    const char *reason = word(&at);

    if (err->code != code)
        fail("it ended with %s %s", code_name(err->code), err->text);
    if (strcmp(reason, "-") != 0 && strcmp(reason, err->reason) != 0)
        fail("the reason is \"%s\"", err->reason);
    if (!strstr(err->text, at))
        fail("the text is: %s", err->text);
}

/* result issued [NUMBER OF THE CHAIN] | error CODE REASON|- [TEXT] | ok | data TEXT */
void do_result(const struct statement *s)
{
    const char *at = s->rest, *what = word(&at);
    const struct host_result *result = host_result(run.op);
    size_t which;

    if (!wait_until(is_over, NULL))
        fail("it has not ended");
    if (host_http() && !is_shared(host_http()->url))
        fail("it has ended, but still asks %s", host_http()->url);
    which = strcmp(what, "issued") == 0 && at[0] ? (size_t)number_of(at) - 1 : run.n_chains - 1;
    if (strcmp(what, "error") == 0)
        result_error(at);
    else if (result->err.code)
        fail("it ended with %s", code_name(result->err.code));
    else if (strcmp(what, "issued") == 0 && (!result->pem || strcmp(result->pem, run.chains[which]) != 0))
        fail("that is not the chain");
    else if (strcmp(what, "data") == 0 && (!result->data || !strstr(result->data, at)))
        fail("the data is %s", result->data ? result->data : "missing");
}

/* retry-after TIME: as told with the error */
void do_retry_after(const struct statement *s)
{
    int64_t ms = host_result(run.op)->err.retry_after_ms;

    if (ms != time_of(s->rest))
        fail("it is %lld ms", (long long)ms);
}

/* alternates N / granted PROFILE: as told with the chain */
void do_alternates(const struct statement *s)
{

    if (host_result(run.op)->n_alternates != (size_t)number_of(s->rest))
        fail("there are %zu", host_result(run.op)->n_alternates);
}

void do_granted(const struct statement *s)
{
    if (strcmp(host_result(run.op)->profile, s->rest) != 0)
        fail("it is \"%s\"", host_result(run.op)->profile);
}

/* told TEXT: the CA's words, as given to the core */
void do_told(const struct statement *s)
{
    const char *problem = host_problem(run.op);

    if (!problem || !strstr(problem, s->rest))
        fail("it was told: %s", problem ? problem : "nothing");
}

/* requests N: sent for this op, no more and no less */
void do_requests(const struct statement *s)
{

    if (host_http_count() - run.asked_before != (size_t)number_of(s->rest))
        fail("there were %zu", host_http_count() - run.asked_before);
}

void do_log(const struct statement *s)
{
    if (!strstr(host_log(), s->rest))
        fail("that is not in the log");
}

/* kept TEXT | kept nothing */
void do_kept(const struct statement *s)
{
    const char *kept = host_kept("account");

    if (strcmp(s->rest, "nothing") == 0 ? kept != NULL : !kept || !strstr(kept, s->rest))
        fail("it keeps %s", kept ? kept : "nothing");
}
