/* Trouble of a store; see health.h. */
#include "records/health.h"

#include <assert.h>
#include <string.h>

#include "engine/log.h"
#include "engine/loop.h"

void health_open(struct health *health, const char *what)
{
    *health = (struct health){ .what = what };
    pthread_mutex_init(&health->lock, NULL);
}

void health_close(struct health *health)
{
    pthread_mutex_destroy(&health->lock);
}

static void say(const struct health *health, enum health_part part, const struct cs_error *err)
{
    switch (part) {
    case HEALTH_WRITING:
        if (err)
            log_line(CS_LOG_ERROR, "store", "", "%s cannot be written: %s", health->what, err->text);
        else
            log_line(CS_LOG_INFO, "store", "", "%s can be written again", health->what);
        break;
    case HEALTH_ROOM:
        if (err)
            log_line(CS_LOG_ERROR, "store", "", "new orders are refused: %s", err->text);
        else
            log_line(CS_LOG_INFO, "store", "", "new orders are taken again");
        break;
    case HEALTH_PARTS:
        break;
    }
}

void health_note(struct health *health, enum health_part part, const struct cs_error *err)
{
    bool was;

    pthread_mutex_lock(&health->lock);
    was = health->trouble[part].code != CS_OK;
    health->trouble[part] = err ? *err : (struct cs_error){ 0 };
    pthread_mutex_unlock(&health->lock);
    if (was != (err != NULL))
        say(health, part, err);
}

bool health_is_bad(struct health *health, enum health_part part)
{
    bool is;

    pthread_mutex_lock(&health->lock);
    is = health->trouble[part].code != CS_OK;
    pthread_mutex_unlock(&health->lock);
    return is;
}

const char *health_text(struct health *health)
{
    const char *text = NULL;

    assert(on_loop_thread());
    pthread_mutex_lock(&health->lock);
    for (int part = HEALTH_PARTS - 1; part >= 0; part--)
        if (health->trouble[part].code != CS_OK) {
            memcpy(health->shown, health->trouble[part].text, sizeof health->shown);
            text = health->shown;
        }
    pthread_mutex_unlock(&health->lock);
    return text;
}

void health_measure(struct health *health, struct metrics *metrics, const char *labels)
{
    metrics_gauge(metrics, "countersign_store_failing", "1: what was written last could not be committed.", labels,
                  health_is_bad(health, HEALTH_WRITING));
    metrics_gauge(metrics, "countersign_store_refusing", "1: there is no room for another order; new ones are refused.", labels,
                  health_is_bad(health, HEALTH_ROOM));
}
