# countersign-renew.sh, its end: from the options to the deploy program.

# ---- The run ------------------------------------------------------------------------------------------------------------

# An earlier run's, if it was cut off or its deploy program failed; or the server's. What the server has is as good as new,
# unless it is what we have, and that comes to its end. For another subject with the same key and names the server has no other
# certificate: it has said that this one will do.
get_chain() {
    old_serial=$(printf '%s' "$serial" | tr a-f A-F)
    if [ "$within" ] && [ -f "$out_new" ] && check_leaf "$out_new" "$public" && ! is_old; then
        say "an earlier run has got the chain already"
        rm -f "$work/chain.pem"
        know
        return
    fi
    exchange
    take_chain
    if [ "$within" ] && [ -z "$only_subject" ] && [ "$leaf_serial" = "$old_serial" ]; then
        say "the server gave the certificate that there was: asking for a new one"
        exchange -H 'Cache-Control: no-cache'
        take_chain
        [ "$leaf_serial" != "$old_serial" ] || fail $LATER "the server gave the old certificate again"
    fi
    [ -z "$within" ] || ! is_old || say "the new certificate is due for renewal already"
    know
}

whole() { (cd "${1%/*}/" && printf '%s/%s' "$(pwd -P)" "${1##*/}"); }

# In the background, so that a deadline can end it; exec, because a program is meant and no function of ours.
run_deploy() {
    COUNTERSIGN_CHAIN=$(whole "$out") COUNTERSIGN_KEY=$(whole "$key") COUNTERSIGN_NAMES=$names COUNTERSIGN_SERIAL=$serial
    COUNTERSIGN_NOT_AFTER=$(time_text "$not_after")
    export COUNTERSIGN_CHAIN COUNTERSIGN_KEY COUNTERSIGN_NAMES COUNTERSIGN_SERIAL COUNTERSIGN_NOT_AFTER
    (umask "$umask_before" && exec "$deploy" "$COUNTERSIGN_CHAIN" "$COUNTERSIGN_KEY") </dev/null >&2 9>&- &
    child=$!
    (
        n=0
        while [ $n -lt $((deploy_timeout + 5)) ] && kill -0 $child; do
            [ $n != "$deploy_timeout" ] || { : >"$work/late" && kill -TERM $child; }
            sleep 1
            n=$((n + 1))
        done
        kill -KILL $child
    ) </dev/null >/dev/null 2>&1 9>&- &
    watch=$!
    wait $child
    deploy_exit=$? child=
    { kill $watch && wait $watch; } 2>/dev/null
    words="ended with $deploy_exit"
    [ ! -e "$work/late" ] || words="was not done within $deploy_timeout s, and was ended"
    [ $deploy_exit = 0 ] && [ ! -e "$work/late" ]
}

# We are told to end: the program first, so that no other run finds it at work. timeout(1) tells us twice.
end_deploy() {
    [ "$child" ] || return 0
    trap '' HUP INT TERM
    kill -TERM $child 2>/dev/null
    (for _ in 1 2 3 4 5; do sleep 1; done && kill -KILL $child) </dev/null >/dev/null 2>&1 9>&- &
    killer=$!
    wait $child
    deploy_exit=$?
    { kill -KILL $killer $watch && wait $killer $watch; } 2>/dev/null
    fail $LATER "$deploy: was ended, as this run is: the next run runs it again"
}

do_deploy() {
    [ -z "$deploy" ] || run_deploy || {
        words="the deploy program failed: $deploy: $words"
        can_put_back ||
            fail $DEPLOY_FAILED "$words; there are no old files to go back to, so the new ones stay in place"
        put_back || fail $DEPLOY_FAILED "$words; and the old files could not be put back: $error"
        is_due || :
        fail $DEPLOY_FAILED "$words; the old files are in place again, the new ones are kept for the next run"
    }
    all_done
    tell "certificate $serial for ${names%% *}, until $(time_text "$not_after")"
    finish $OK
}

nothing_due() {
    tell "nothing to do until $(time_text "$renew_at"); certificate $serial is valid until $(time_text "$not_after")"
    finish $NOTHING_DUE
}

tell() { # what people want to know at the end: on standard output, unless a machine listens there
    [ "$quiet" ] || if [ "$json" ]; then say "$out_typed: $1"; else printf '%s: %s\n' "$out_typed" "$1"; fi
}

main() {
    read_options "$@"
    check_options
    if [ "$within" ]; then
        is_due && wait_a_while || unfinished || nothing_due
    fi
    trap 'finish $FAILED' EXIT
    take_files
    if [ "$within" ] && ! is_due; then # another run was quicker, or was cut off before its deploy program had run
        [ -e "$undeployed" ] && [ "$deploy" ] && do_deploy
        [ ! -e "$undeployed" ] || all_done
        nothing_due
    fi
    take_key
    [ "$within" ] || { keep_csr && use_csr; }
    get_chain
    [ -z "$within" ] || keep_csr
    place
    do_deploy
}

main "$@"
