/*
 * The completion of `countersign` for bash, made of the tables that it reads its command line by. Called by manual.c.
 */
#ifndef MAN_COMPLETION_H
#define MAN_COMPLETION_H

#include <stdio.h>

void completion_write(FILE *to);

#endif
