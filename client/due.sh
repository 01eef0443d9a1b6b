# countersign-renew.sh, continued: is it time for a new certificate, and is a certificate ours?

# ---- Time: openssl says it as "Nov 21 18:24:08 2026 GMT", and date(1) does not read that everywhere ------------------------

# Seconds since 1970 of MONTH DAY HOUR:MINUTE:SECOND YEAR.
epoch() {
    month=1
    for word in Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec; do
        [ "$1" != "$word" ] || break
        month=$((month + 1))
    done
    [ $month -le 12 ] || return 1
    year=$4 hour=${3%%:*} minute=${3#*:} second=${3##*:}
    minute=${minute%%:*}
    [ $month -gt 2 ] || { year=$((year - 1)) && month=$((month + 12)); } # a year from March on has its leap day at its end
    days=$((365 * year + year / 4 - year / 100 + year / 400 + (153 * (month - 3) + 2) / 5 + $2 - 719469))
    echo $((days * 86400 + ${hour#0} * 3600 + ${minute#0} * 60 + ${second#0}))
}

# The other way: 2027-01-30T12:00:00Z.
time_text() {
    days=$(($1 / 86400 + 719468)) rest=$(($1 % 86400))
    era=$((days / 146097))
    day=$((days - era * 146097))
    year=$(((day - day / 1460 + day / 36524 - day / 146096) / 365))
    day=$((day - (365 * year + year / 4 - year / 100)))
    month=$(((5 * day + 2) / 153))
    day=$((day - (153 * month + 2) / 5 + 1)) year=$((year + era * 400))
    [ $month -lt 10 ] || year=$((year + 1)) month=$((month - 12))
    printf '%04d-%02d-%02dT%02d:%02d:%02dZ' $year $((month + 3)) $day $((rest / 3600)) $((rest / 60 % 60)) $((rest % 60))
}

# ---- Is it time? --------------------------------------------------------------------------------------------------------

now() { date +%s; }

# The first certificate of FILE: $leaf_key, $leaf_names, $leaf_serial, $start and $end. One run of openssl, which costs more
# than all the rest here.
read_leaf() { # FILE
    text=$(openssl x509 -in "$1" -noout -pubkey -serial -startdate -enddate -text 2>/dev/null) || return 1
    leaf_key='' leaf_names='' leaf_serial='' start='' end='' within_key='' names_follow=''
    while IFS= read -r line; do
        case $line in
        '-----BEGIN PUBLIC KEY-----') within_key=y ;;
        '-----END PUBLIC KEY-----') leaf_key=$leaf_key$line within_key='' ;;
        serial=*) leaf_serial=${line#serial=} ;;
        notBefore=*) start=$(epoch ${line#notBefore=}) ;;
        notAfter=*) end=$(epoch ${line#notAfter=}) ;;
        *) [ -z "$names_follow" ] || leaf_names=$line names_follow='' ;;
        esac
        [ -z "$within_key" ] || leaf_key=$leaf_key$line$newline
        case ${line#"${line%%[! ]*}"} in
        'X509v3 Subject Alternative Name:' | 'X509v3 Subject Alternative Name: ' | 'X509v3 Subject Alternative Name: critical')
            names_follow=y
            ;;
        esac
    done <<END
$text
END
    [ "$leaf_key" ] && [ "$start" ] && [ "$end" ]
}

# Exactly those asked for, in any order. What is no DNS name is none of them.
are_ours() { # as openssl shows them: DNS:a.example, DNS:b.example
    n_found=0
    case $1 in *[A-Z]*) set -- "$(printf '%s' "$1" | tr A-Z a-z)" ;; esac
    for entry in $1; do
        entry=${entry%,}
        case " $names " in *" ${entry#[Dd][Nn][Ss]:} "*) n_found=$((n_found + 1)) ;; *) return 1 ;; esac
    done
    for entry in $names; do n_found=$((n_found - 1)); done
    [ $n_found = 0 ]
}

# Is the first certificate of FILE one for the key whose public half is given, with exactly our names, and valid now? Otherwise
# $fault says why not.
check_leaf() { # FILE PUBLIC-KEY
    fault="$1: the certificate cannot be read"
    read_leaf "$1" || return 1
    fault="$1: the certificate is for another key"
    [ "$leaf_key" = "$2" ] || return 1
    fault="$1: the certificate's names are not those asked for"
    are_ours "$leaf_names" || return 1
    fault="$1: the certificate has expired"
    [ "$end" -gt "$(now)" ] || return 1
    fault="$1: the certificate is not yet valid"
    [ "$start" -le $(($(now) + 60)) ]
}

# The certificate that was read last: how many seconds before its end it is to be renewed, and whether that is now.
early() {
    if [ "$within" = third ] || [ "$within" -ge $((end - start)) ]; then echo $(((end - start) / 3)); else echo "$within"; fi
}

is_old() { [ "$(now)" -ge $((end - $(early))) ]; }

know() { # it is what is in place, for --json
    serial=$(printf '%s' "$leaf_serial" | tr A-F a-f) not_before=$start not_after=$end renew_at=
    [ -z "$within" ] || renew_at=$((end - $(early)))
}

subject_of() { openssl req -noout -subject 2>/dev/null; }

is_due() {
    useless=y only_subject=
    reason="$key_typed: there is no key yet" not_after=
    [ -e "$key" ] || return 0
    public=$(key_of "$key") && [ "$public" ] ||
        fail $FAILED "$key_typed: is no private key in PEM that can be read, or has a passphrase, which is not supported"
    reason="$out_typed: there is no certificate yet"
    [ -e "$out" ] || return 0
    check_leaf "$out" "$public" || { reason=$fault && return 0; }
    useless=
    know
    reason="$out_typed: the certificate comes to its end"
    ! is_old || return 0
    reason="$csr_typed: has another subject than the one asked for" kept=$csr
    [ ! -e "$undeployed" ] || [ ! -e "$csr_new" ] || kept=$csr_new
    [ -z "$kept" ] || [ ! -e "$kept" ] ||
        [ "$(subject_of <"$kept")" = "$(make_csr "$key" | subject_of)" ] || { only_subject=y && return; }
    reason=
    return 1
}

# At random, so that many hosts do not come at once. Where somebody sits and waits, or nothing works yet, it does not help.
wait_a_while() {
    [ "${splay:-0}" -gt 0 ] && [ -z "$useless" ] && [ ! -t 2 ] || return 0
    [ "$splay" -le $(((not_after - $(now)) / 2)) ] || splay=$(((not_after - $(now)) / 2))
    random=$(($(printf '%d' "0x$(openssl rand -hex 3)") % (splay + 1)))
    say "waiting for $random s (--splay)"
    sleep $random >/dev/null 2>&1 # whoever ends us need not wait for it
}
