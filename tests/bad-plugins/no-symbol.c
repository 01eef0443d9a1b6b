/* A shared object that is no plugin: it exports something else. */
#include <countersign/plugin.h>

extern CS_EXPORT const int not_a_plugin;
CS_EXPORT const int not_a_plugin = 1;
