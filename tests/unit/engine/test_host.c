/* engine/host.c: an instance's name and its folder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/host.h"

static char root[64];

static int begin(void **state)
{
    (void)state;
    snprintf(root, sizeof root, "/tmp/countersign-host-XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int end(void **state)
{
    char path[128];

    (void)state;
    snprintf(path, sizeof path, "%s/ca.le", root);
    rmdir(path);
    unlink(path);
    return rmdir(root);
}

static void the_name_is_the_one_in_the_configuration(void **state)
{
    struct cs_instance in = { .name = "le" };

    (void)state;
    assert_string_equal(cs_instance_name(&in), "le");
}

static void the_state_folder_is_made_once_and_private(void **state)
{
    struct cs_instance in = { .name = "le", .role = "ca", .who = "ca.le", .state_root = root };
    const char *path;
    struct stat st;

    (void)state;
    path = cs_state_dir(&in, NULL);
    assert_true(path != NULL);
    assert_true(strncmp(path, root, strlen(root)) == 0);
    assert_string_equal(path + strlen(root), "/ca.le");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode, S_IFDIR | 0700);
    assert_true(cs_state_dir(&in, NULL) == path);
    free(in.state_dir);
}

static void a_folder_open_to_others_is_closed(void **state)
{
    struct cs_instance in = { .who = "ca.le", .state_root = root };
    char path[128];
    struct stat st;

    (void)state;
    snprintf(path, sizeof path, "%s/ca.le", root);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(chmod(path, 0755), 0);
    assert_true(cs_state_dir(&in, NULL) != NULL);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    free(in.state_dir);
}

static void a_group_that_may_pass_through_may_go_on_doing_so(void **state)
{
    struct cs_instance in = { .who = "ca.le", .state_root = root };
    char path[128];
    struct stat st;

    (void)state;
    snprintf(path, sizeof path, "%s/ca.le", root);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(chmod(path, 0710), 0);
    assert_true(cs_state_dir(&in, NULL) != NULL);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0710);
    free(in.state_dir);
}

static void a_link_in_its_place_is_refused(void **state)
{
    struct cs_instance in = { .who = "ca.le", .state_root = root };
    struct cs_error err = { 0 };
    char path[128];

    (void)state;
    snprintf(path, sizeof path, "%s/ca.le", root);
    assert_int_equal(symlink("/tmp", path), 0);
    assert_true(cs_state_dir(&in, &err) == NULL);
    assert_int_equal(err.code, CS_ECONFIG);
    assert_true(strstr(err.text, path) != NULL);
}

static void a_missing_state_folder_is_told(void **state)
{
    struct cs_instance in = { .who = "ca.le", .state_root = "/nonexistent" };
    struct cs_error err = { 0 };

    (void)state;
    assert_true(cs_state_dir(&in, &err) == NULL);
    assert_int_equal(err.code, CS_ECONFIG);
    assert_string_equal(err.text, "cannot make the folder /nonexistent/ca.le: No such file or directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_name_is_the_one_in_the_configuration, begin, end),
        cmocka_unit_test_setup_teardown(the_state_folder_is_made_once_and_private, begin, end),
        cmocka_unit_test_setup_teardown(a_folder_open_to_others_is_closed, begin, end),
        cmocka_unit_test_setup_teardown(a_group_that_may_pass_through_may_go_on_doing_so, begin, end),
        cmocka_unit_test_setup_teardown(a_link_in_its_place_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(a_missing_state_folder_is_told, begin, end),
    };

    return cmocka_run_group_tests_name("host", tests, NULL, NULL);
}
