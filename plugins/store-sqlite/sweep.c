/*
 * Words, labels and sets that no row has any more: their texts must not outlive the rows. Called by erase.c and purge.c, after
 * what they deleted.
 */
#include "visits.h"

#include <stdlib.h>

static const char used[] = "CREATE TEMP TABLE used_word (id INTEGER PRIMARY KEY);"
                           "CREATE TEMP TABLE used_label (id INTEGER PRIMARY KEY);"
                           "CREATE TEMP TABLE used_set (id INTEGER PRIMARY KEY);"
                           "INSERT OR IGNORE INTO used_word SELECT zone FROM total UNION SELECT outcome FROM total;"
                           "INSERT OR IGNORE INTO used_word SELECT zone FROM set_total UNION SELECT outcome FROM set_total;"
                           "INSERT OR IGNORE INTO used_word SELECT zone FROM step_total UNION SELECT outcome FROM step_total "
                           "UNION SELECT reached FROM step_total UNION SELECT error FROM step_total;"
                           "INSERT OR IGNORE INTO used_word SELECT zone FROM hour_total;"
                           "INSERT OR IGNORE INTO used_word SELECT role FROM latency UNION SELECT instance FROM latency;"
                           "INSERT OR IGNORE INTO used_label SELECT label FROM total UNION SELECT label FROM step_total;"
                           "INSERT OR IGNORE INTO used_set SELECT labels FROM set_total;";

/* The fixed words have ids of less than 128, the label that is any is 0, the fixed sets are 0 and 1. */
static const char sweep_if[] =
    "SELECT EXISTS (SELECT 1 FROM word WHERE id >= 128 AND id NOT IN (SELECT id FROM temp.used_word)) "
    "OR EXISTS (SELECT 1 FROM label WHERE id > 0 AND id NOT IN (SELECT id FROM temp.used_label)) "
    "OR EXISTS (SELECT 1 FROM label_set WHERE id > 1 AND id NOT IN (SELECT id FROM temp.used_set))";
static const char sweep[] = "DELETE FROM word WHERE id >= 128 AND id NOT IN (SELECT id FROM temp.used_word);" SWEEP(
    "word") "DELETE FROM label WHERE id > 0 AND id NOT IN (SELECT id FROM temp.used_label);" SWEEP("label") "DELETE FROM "
                                                                                                            "label_set WHERE "
                                                                                                            "id > 1 AND id NOT "
                                                                                                            "IN (SELECT id "
                                                                                                            "FROM "
                                                                                                            "temp.used_set)"
                                                                                                            ";" SWEEP("label_"
                                                                                                                      "set");
static const char done[] = "DROP TABLE temp.used_word; DROP TABLE temp.used_label; DROP TABLE temp.used_set";

static int use_words(struct conn *c, int64_t day, struct cs_error *err)
{
    static const char *const columns[] = {
        "INSERT OR IGNORE INTO temp.used_word SELECT zone FROM visit_# UNION SELECT outcome FROM visit_# "
        "UNION SELECT reached FROM visit_# UNION SELECT error FROM visit_# UNION SELECT alg FROM visit_# "
        "UNION SELECT client FROM visit_#",
        "INSERT OR IGNORE INTO temp.used_set SELECT DISTINCT labels FROM visit_#",
    };

    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        if (day_run(c, columns[i], day, NO_NUMBERS, err) < 0)
            return -1;
    return 0;
}

static int find_used(struct conn *c, struct cs_error *err)
{
    struct days days;
    int rc = 0;

    if (visits_run(c, used, err) < 0 || day_tables_list(c, &days, err) < 0)
        return -1;
    for (size_t i = 0; i < days.n && rc == 0; i++)
        rc = use_words(c, days.at[i], err);
    free(days.at);
    if (rc < 0)
        return -1;
    return visits_run(c,
                      "INSERT OR IGNORE INTO temp.used_label SELECT label FROM set_label WHERE labels IN "
                      "(SELECT id FROM temp.used_set)",
                      err);
}

int sweep_words(struct conn *c, struct cs_error *err)
{
    int64_t needed;

    if (find_used(c, err) < 0 || day_number(c, sweep_if, 0, NO_NUMBERS, &needed, err) < 0 ||
        (needed && visits_run(c, sweep, err) < 0))
        return -1;
    words_forget(c->visits->words);
    return visits_run(c, done, err);
}
