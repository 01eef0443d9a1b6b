# countersign-renew.sh, continued: key and chain as two files that change together, and the lock.

# ---- The files: docs/renew.md, "Files, crashes, power cuts", has the steps and what each leaves --------------------------

key_of() { openssl pkey -in "$1" -passin pass: -pubout 2>/dev/null; }

leaf_key_of() { openssl x509 -in "$1" -noout -pubkey 2>/dev/null; }

fit() { # KEY CHAIN
    [ -f "$1" ] && [ -f "$2" ] && fit_key=$(key_of "$1") && [ "$fit_key" ] && [ "$fit_key" = "$(leaf_key_of "$2")" ]
}

# FSYNC of one file where sync(1) can do that, otherwise of all there is.
sync_file() { sync "$1" 2>/dev/null || sync; }

move() { mv -f "$1" "$2" 2>/dev/null && sync_file "${2%/*}" || { error="$2: cannot be replaced" && return 1; }; }

# Standard input to PART, with mode and owner of LIKE if that is there; what only a group may read is for that group alone, and
# what its owner must not write stays so.
write_part() { # PART LIKE MODE
    rm -f "$1"
    protected=
    if [ -f "$2" ]; then
        case $(ls -ld "$2") in ??-*) protected=y ;; esac
        cp -p "$2" "$1" 2>/dev/null || rm -f "$1"
        [ "$3" = 644 ] || [ "$(owner_of "$2")" = "$(owner_of "$1")" ] || chmod 600 "$1"
        [ -z "$protected" ] || chmod u+w "$1"
    fi
    [ -f "$1" ] || (: >"$1" && chmod "$3" "$1") 2>/dev/null
    (cat >"$1") 2>/dev/null && { [ -z "$protected" ] || chmod u-w "$1"; } && sync_file "$1" ||
        { rm -f "$1" && error="$1: cannot be written" && return 1; }
}

owner_of() { ls -nd "$1" 2>/dev/null | { read -r _ _ owner group _ && echo "$owner:$group"; }; }

# Another name for a file, or a copy where the file system knows no links.
name_also() { # FROM PART TO
    rm -f "$3"
    ln "$1" "$3" 2>/dev/null || { write_part "$2" "$1" 600 <"$1" && move "$2" "$3"; }
}

unfinished() {
    for file in "$undeployed" "$key_old" "$out_old" "$key_part" "$out_part"; do
        [ ! -e "$file" ] || return 0
    done
    return 1
}

mend_move() { write_part "$out_part" "$undeployed" 600 </dev/null && move "$out_part" "$undeployed" && move "$1" "$2"; }

mend() {
    rm -f "$key_part" "$out_part"
    paired=y
    fit "$key" "$out" || paired=
    if [ -e "$out" ] && [ -z "$paired" ]; then
        mended=y paired=y
        if fit "$key" "$out_new"; then mend_move "$out_new" "$out"
        elif fit "$key" "$out_old"; then mend_move "$out_old" "$out" # before anything moves over the only name of an old key
        elif fit "$key_new" "$out"; then mend_move "$key_new" "$key"
        elif fit "$key_old" "$out"; then mend_move "$key_old" "$key"
        else mended='' paired=''; fi || fail $FAILED "$error"
        [ -z "$mended" ] || say "an earlier run was cut off between the key and its chain: they are put right"
    fi
    [ ! -e "$undeployed" ] && [ "$paired" ] || return 0
    [ ! -e "$key_new" ] || [ "$(key_of "$key_new")" != "$(key_of "$key")" ] || rm -f "$key_new" # it came into use
    rm -f "$out_old" "$key_old"
}

# Old files that are kept already are the last that were deployed; a pair that does not fit is nothing to go back to.
keep_old() {
    [ "$paired" ] || return 0
    [ -e "$undeployed" ] && [ -e "$out_old" ] || name_also "$out" "$out_part" "$out_old" || return 1
    [ $new_key_used = false ] || { [ -e "$undeployed" ] && [ -e "$key_old" ]; } || name_also "$key" "$key_part" "$key_old"
}

place() { # from $work/chain.pem, or $out_new if that is there already
    [ ! -f "$work/chain.pem" ] || { write_part "$out_part" "$out" 644 <"$work/chain.pem" && move "$out_part" "$out_new"; } &&
        keep_old || fail $FAILED "$error"
    [ -z "$deploy" ] || { write_part "$out_part" "$undeployed" 600 </dev/null && move "$out_part" "$undeployed"; } ||
        fail $FAILED "$error"
    [ $new_key_used = false ] || move "$key_new" "$key" || fail $FAILED "$error"
    move "$out_new" "$out" && return
    [ $new_key_used = false ] || [ ! -e "$key_old" ] ||
        { name_also "$key" "$key_part" "$key_new" && mv -f "$key_old" "$key"; }
    fail $FAILED "$out: cannot be replaced"
}

can_put_back() { if [ -e "$key_old" ]; then fit "$key_old" "$out_old"; else fit "$key" "$out_old"; fi; }

put_back() {
    name_also "$out" "$out_part" "$out_new" || return 1
    if [ -e "$key_old" ]; then
        name_also "$key" "$key_part" "$key_new" && move "$key_old" "$key" || return 1
    fi
    move "$out_old" "$out" && rm -f "$undeployed" ${csr_new:+"$csr_new"}
}

# The CSR tells later runs what the certificate in place was asked with: a renewal puts it in place last.
keep_csr() {
    part=$csr.countersign-part
    [ -z "$csr" ] || { write_part "$part" "$csr" 644 <"$work/csr.pem" && move "$part" "$csr_new"; } ||
        fail $FAILED "$error"
}

use_csr() { [ -z "$csr" ] || [ ! -e "$csr_new" ] || move "$csr_new" "$csr" || fail $FAILED "$error"; }

all_done() {
    rm -f "$undeployed" "$out_new" "$key_new" "$out_old" "$key_old"
    use_csr
}

unlock() {
    case $locked in
    flock) rm -f "$lock" && exec 9>&- ;;
    folder) rm -rf "$lock.d" ;;
    esac
    locked=
}

clean_up() {
    [ -z "$work" ] || rm -rf "$work"
    unlock
}

# flock(1) where there is one: it ends with the process. Otherwise a folder, and whose process is gone loses it.
try_lock() {
    for file in "$lock" "$lock.d"; do
        [ ! -L "$file" ] || fail $FAILED "$file: is a symbolic link, which is not followed: take it away"
    done
    if command -v flock >/dev/null 2>&1 && [ -e /dev/fd/0 ]; then
        [ -e "$lock" ] || (set -C && : >"$lock") 2>/dev/null # never where a link points
        [ -f "$lock" ] && [ ! -L "$lock" ] && (: >>"$lock") 2>/dev/null || no_lock
        exec 9>>"$lock"
        flock -n 9 && [ "$lock" -ef /dev/fd/9 ] && locked=flock
    elif mkdir "$lock.d" 2>/dev/null; then
        own_folder
    elif [ ! -d "$lock.d" ]; then
        missed
    else
        looked_before=$looked owner=$(owner_of_lock "$lock.d")
        looked=/$owner
        is_gone && take_away_lock && try_lock
    fi
}

no_lock() { fail $FAILED "$out: cannot be written, nor its lock"; }

# Once it may be others, who give the folder back or take it away just then; twice in a row it is the disk.
missed() {
    [ "$looked" != missed ] || no_lock
    looked=missed
    return 1
}

owner_of_lock() { cat "$1/pid" 2>/dev/null; }

boot() { cat /proc/sys/kernel/random/boot_id 2>/dev/null; }

# Who was so slow between the folder and this that it was taken away and made anew must not write into the other's.
own_folder() {
    (set -C && echo "$$ $(boot)" >"$lock.d/pid") 2>/dev/null && locked=folder && return
    [ -s "$lock.d/pid" ] || rm -rf "$lock.d"
    missed
}

# $owner, a process and the boot that it belongs to. None at all at two looks in a row: killed before it could say who it was.
is_gone() {
    owner_boot=${owner#* } this_boot=$(boot)
    [ "$owner" ] || { [ "$looked_before" = / ] && return; }
    case $owner in '' | *[!0-9a-f\ -]*) return 1 ;; *' '?*) [ "$owner_boot" = "${this_boot:-$owner_boot}" ] || return 0 ;; esac
    ! kill -0 "${owner%% *}" 2>/dev/null && [ ! -d "/proc/${owner%% *}" ]
}

# Unless another run was quicker: then it is somebody's again.
take_away_lock() {
    rm -rf "$lock.d.$$"
    mv "$lock.d" "$lock.d.$$" 2>/dev/null || return
    if [ "$(owner_of_lock "$lock.d.$$")" != "$owner" ] && [ ! -d "$lock.d" ]; then
        mv "$lock.d.$$" "$lock.d"
        return 1
    fi
    rm -rf "$lock.d.$$"
}

take_files() {
    for file in "$out" ${csr:+"$csr"}; do
        [ ! -e "$file" ] || [ -f "$file" ] || fail $FAILED "$file: is there, and is not a file"
        [ -d "${file%/*}/" ] && [ -w "${file%/*}/" ] || fail $FAILED "$file: cannot be written"
    done
    until=$(($(now) + timeout))
    trap 'end_deploy; finish $LATER' HUP INT TERM
    until try_lock; do
        [ "$(now)" -lt $until ] || fail $LATER "$out: another run works on it ($lock)"
        sleep 1
        [ -z "$within" ] || unfinished || is_due || nothing_due # whoever has the lock did it for us
    done
    work=$out.countersign-work
    rm -rf "$work" && mkdir "$work" 2>/dev/null || fail $FAILED "$out: its folder cannot be written"
    mend
}
