#!/bin/bash
# A hook for dns-exec: calls one of acme.sh's more than 150 DNS APIs.
#     acme.sh API add|remove OWNER VALUE ZONE
# with API, such as dns_cf, in the block's `arguments`: arguments = ( "dns_cf" ). In its environment:
#     ACME_SH   the script acme.sh, by default /usr/share/acme.sh/acme.sh; dnsapi/ beside it has the APIs
#     and what the API wants, such as CF_Token, which belongs into the block's `secrets`
# acme.sh keeps what it learned (account.conf) in LE_CONFIG_HOME, by default this DNS instance's folder in the server's state.

hook_api=$1 hook_action=$2 hook_owner=$3 hook_value=$4
hook_script=${ACME_SH:-/usr/share/acme.sh/acme.sh}
case $hook_action in
add) hook_call=${hook_api}_add ;;
remove) hook_call=${hook_api}_rm ;;
*) echo "usage: acme.sh API add|remove OWNER VALUE ZONE" >&2; exit 64 ;;
esac
hook_api=${hook_script%/*}/dnsapi/$hook_api.sh
for hook_file in "$hook_script" "$hook_api"; do
    [ -r "$hook_file" ] || { echo "there is no $hook_file: set ACME_SH, and the API in \`arguments\`" >&2; exit 78; }
done

export LE_WORKING_DIR=${hook_script%/*} LE_CONFIG_HOME=${LE_CONFIG_HOME:-$HOME}
set --                                         # without words acme.sh defines its functions and shows its help, no more
. "$hook_script" >/dev/null 2>&1
_initpath >/dev/null
. "$hook_api"
"$hook_call" "${hook_owner%.}" "$hook_value" 1>&2    # what it says of an error goes to stdout
