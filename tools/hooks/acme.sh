#!/bin/bash
# A hook for dns-exec: calls one of acme.sh's more than 150 DNS APIs.
#     acme.sh API add|remove OWNER VALUE ZONE
# with API, such as dns_cf, in the block's `arguments`: arguments = ( "dns_cf" ). In its environment:
#     ACME_SH   the script acme.sh, by default /opt/acme.sh/acme.sh; its folder has dnsapi/ with the APIs
#     and what the API wants, such as CF_Token, which belongs into the block's `secrets`
# acme.sh keeps what it learned (account.conf) in LE_CONFIG_HOME, by default the folder of this DNS instance in the server's state.
set -u

api=$1 action=$2 owner=$3 value=$4
script=${ACME_SH:-/opt/acme.sh/acme.sh}
case $action in
add) call=${api}_add ;;
remove) call=${api}_rm ;;
*) echo "usage: acme.sh API add|remove OWNER VALUE ZONE" >&2; exit 64 ;;
esac
for file in "$script" "${script%/*}/dnsapi/$api.sh"; do
    [ -r "$file" ] || { echo "there is no $file: set ACME_SH, and API in \`arguments\`" >&2; exit 78; }
done

export LE_WORKING_DIR=${script%/*} LE_CONFIG_HOME=${LE_CONFIG_HOME:-$HOME}
set --                                # without words acme.sh only defines its functions, and shows its help
. "$script" >/dev/null 2>&1
_initpath >/dev/null
. "${script%/*}/dnsapi/$api.sh"
"$call" "${owner%.}" "$value" 1>&2    # its errors go to stdout, where nobody would see them
