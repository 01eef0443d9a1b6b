/* records/day_key_place.c: a key is written only where it cannot reach a disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "records/day_key_place.h"

/* A /sys of our own, in which the device that holds the folder, and so each swap file in it, is what a test says. */
static char folder[64], device[128], swap[128], swaps[400], why[300];

static void run(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void run(const char *format, ...)
{
    char command[600];
    va_list args;

    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    assert_int_equal(system(command), 0);
}

static int set_up(void **state)
{
    struct stat st;

    (void)state;
    snprintf(folder, sizeof folder, "/tmp/countersign-place-XXXXXX");
    assert_non_null(mkdtemp(folder));
    assert_int_equal(stat(folder, &st), 0);
    snprintf(device, sizeof device, "%s/dev/block/%u:%u", folder, major(st.st_dev), minor(st.st_dev));
    snprintf(swap, sizeof swap, "%s/swap", folder);
    run("mkdir -p %s/dev/block %s/devices && : > %s", folder, folder, swap);
    snprintf(swaps, sizeof swaps, "Filename\tType\tSize\tUsed\tPriority\n%s\tfile\t1\t0\t-2\n", swap);
    why[0] = '\0';
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    run("rm -r %s", folder);
    return 0;
}

static bool are_safe(void)
{
    return day_key_swaps_are_safe(swaps, folder, why, sizeof why);
}

static void memory_is_safe_and_a_disk_is_not(void **state)
{
    (void)state;
    assert_true(day_key_swaps_are_safe("Filename\tType\tSize\tUsed\tPriority\n", "/sys", why, sizeof why));
    assert_true(day_key_swaps_are_safe("", "/sys", why, sizeof why));
    assert_false(day_key_place_is_safe("/proc", why, sizeof why));
    assert_non_null(strstr(why, "/proc lies on a disk"));
    assert_false(day_key_place_is_safe("/nowhere/at/all", why, sizeof why));
    assert_string_equal(why, "/nowhere/at/all cannot be looked at");
}

static void a_swap_on_a_plain_disk_is_not_safe(void **state)
{
    (void)state;
    run("mkdir -p %s/devices/sda && ln -s %s/devices/sda %s", folder, folder, device);
    assert_false(are_safe());
    assert_non_null(strstr(why, "/swap is not encrypted"));
}

static void a_swap_of_which_nothing_is_known_is_not_safe(void **state)
{
    (void)state;
    assert_false(are_safe());
    assert_false(day_key_swaps_are_safe("heading\n/nowhere/swap partition 1 0 -2\n", folder, why, sizeof why));
    assert_string_equal(why, "the swap /nowhere/swap is not encrypted, and could take it to a disk");
}

static void a_swap_on_dm_crypt_is_safe(void **state)
{
    (void)state;
    run("mkdir -p %s/devices/dm-0/dm && printf 'CRYPT-LUKS2-0123-swap\\n' > %s/devices/dm-0/dm/uuid && "
        "ln -s %s/devices/dm-0 %s",
        folder, folder, folder, device);
    assert_true(are_safe());
}

static void a_volume_is_as_safe_as_all_that_it_lies_on(void **state)
{
    (void)state;
    run("mkdir -p %s/devices/dm-1/dm %s/devices/dm-1/slaves %s/devices/dm-0/dm && printf 'LVM-x\\n' > %s/devices/dm-1/dm/uuid "
        "&& "
        "printf 'CRYPT-PLAIN-x\\n' > %s/devices/dm-0/dm/uuid && ln -s %s/devices/dm-0 %s/devices/dm-1/slaves/dm-0 && "
        "ln -s %s/devices/dm-1 %s",
        folder, folder, folder, folder, folder, folder, folder, folder, device);
    assert_true(are_safe());
    run("mkdir -p %s/devices/sda && ln -s %s/devices/sda %s/devices/dm-1/slaves/sda", folder, folder, folder);
    assert_false(are_safe());
}

static void devices_that_lie_on_each_other_are_not_followed_for_ever(void **state)
{
    (void)state;
    run("mkdir -p %s/devices/dm-1/slaves && ln -s %s/devices/dm-1 %s/devices/dm-1/slaves/dm-1 && ln -s %s/devices/dm-1 %s",
        folder, folder, folder, folder, device);
    assert_false(are_safe());
}

static void zram_is_memory_unless_a_disk_stands_behind_it(void **state)
{
    (void)state;
    run("mkdir -p %s/devices/zram0 && ln -s %s/devices/zram0 %s", folder, folder, device);
    assert_true(are_safe());
    run("printf 'none\\n' > %s/devices/zram0/backing_dev", folder);
    assert_true(are_safe());
    run("printf '/dev/sda3\\n' > %s/devices/zram0/backing_dev", folder);
    assert_false(are_safe());
}

static bool is_safe_without_node(const char *node)
{
    snprintf(swaps, sizeof swaps, "heading\n/dev/%s partition 1 0 -2\n", node);
    return are_safe();
}

static void a_device_without_a_node_is_known_by_its_name(void **state)
{
    (void)state;
    run("mkdir -p %s/class/block %s/devices/zram7 %s/devices/none-dm/dm %s/devices/none-sda", folder, folder, folder, folder);
    run("printf 'CRYPT-PLAIN-x\\n' > %s/devices/none-dm/dm/uuid", folder);
    run("cd %s/class/block && ln -s ../../devices/zram7 none-zram && ln -s ../../devices/none-dm none-dm && "
        "ln -s ../../devices/none-dm 'none!dm' && ln -s ../../devices/none-sda none-sda",
        folder);
    assert_true(is_safe_without_node("none-zram"));
    assert_true(is_safe_without_node("none-dm"));
    assert_true(is_safe_without_node("none/dm"));
    assert_false(is_safe_without_node("none-sda"));
    assert_string_equal(why, "the swap /dev/none-sda is not encrypted, and could take it to a disk");
    assert_false(is_safe_without_node("none-at-all"));
    run("printf '/dev/sda3\n' > %s/devices/zram7/backing_dev", folder);
    assert_false(is_safe_without_node("none-zram"));
}

static void every_swap_counts_and_names_may_have_spaces(void **state)
{
    (void)state;
    run("mkdir -p %s/devices/dm-0/dm && printf 'CRYPT-LUKS2-x\\n' > %s/devices/dm-0/dm/uuid && ln -s %s/devices/dm-0 %s && "
        ": > '%s/a swap'",
        folder, folder, folder, device, folder);
    snprintf(swaps, sizeof swaps, "heading\n%s/a\\040swap file 1 0 -2\n%s/gone file 1 0 -3\n", folder, folder);
    assert_false(are_safe());
    assert_non_null(strstr(why, "/gone is not encrypted"));
    snprintf(swaps, sizeof swaps, "heading\n%s/a\\040swap file 1 0 -2\n", folder);
    assert_true(are_safe());
}

static void systemd_is_asked_only_for_its_own_folders(void **state)
{
    (void)state;
    assert_false(day_key_place_is_kept("/run/countersign", NULL));
    assert_false(day_key_place_is_kept("/run/countersign", ""));
    assert_true(day_key_place_is_kept("/run/countersign", "/run/countersign"));
    assert_true(day_key_place_is_kept("/run/countersign", "/run/other:/run/countersign"));
    assert_true(day_key_place_is_kept("/run/countersign", "/run/countersign:/run/other"));
    assert_false(day_key_place_is_kept("/run/countersign", "/run/countersign2:/run/counter"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(memory_is_safe_and_a_disk_is_not),
        TEST(a_swap_on_a_plain_disk_is_not_safe),
        TEST(a_swap_of_which_nothing_is_known_is_not_safe),
        TEST(a_swap_on_dm_crypt_is_safe),
        TEST(a_volume_is_as_safe_as_all_that_it_lies_on),
        TEST(devices_that_lie_on_each_other_are_not_followed_for_ever),
        TEST(zram_is_memory_unless_a_disk_stands_behind_it),
        TEST(a_device_without_a_node_is_known_by_its_name),
        TEST(every_swap_counts_and_names_may_have_spaces),
        TEST(systemd_is_asked_only_for_its_own_folders),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
