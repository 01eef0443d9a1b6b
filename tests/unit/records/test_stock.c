/* records/stock.c: pieces that are there before they are needed. What goes on without memory: tests/peers/test_scarce.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "records/stock.h"

static void each_piece_that_is_taken_adds_one_until_there_are_enough(void **state)
{
    struct stock stock = { 0 };

    (void)state;
    stock_open(&stock);
    assert_int_equal(stock.n, STOCK_MOST);
    free(stock_take(&stock));
    assert_int_equal(stock.n, STOCK_MOST);
    for (struct piece *piece = stock.first; piece; piece = stock.first) { /* as they go when there is no memory */
        stock.first = piece->next;
        stock.n--;
        free(piece);
    }
    for (size_t i = 1; i <= STOCK_MOST + 1; i++) {
        free(stock_take(&stock));
        assert_int_equal(stock.n, i < STOCK_MOST ? i : STOCK_MOST);
    }
    stock_close(&stock);
    assert_null(stock.first);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(each_piece_that_is_taken_adds_one_until_there_are_enough) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
