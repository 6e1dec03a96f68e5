#!/bin/sh
# A credential process for infuse: prints the credential that a directory holds.
#
#   infuse run --credential-process 'credential-process.sh DIR' -- npm start
#
# DIR holds either a file "token", or the files "client-id" and "client-secret";
# "url" and "expires-at" (RFC 3339) are optional. Words for people go to stderr.
set -eu
dir=${1:?usage: credential-process.sh DIR}

member() { # NAME FILE: one JSON member, or nothing
	[ -e "$dir/$2" ] || return 0
	printf ',"%s":"%s"' "$1" "$(sed 's/[\\"]/\\&/g' "$dir/$2")"
}

echo "reading the credential from $dir" >&2
echo run >>"${CALLS:-/dev/null}"
printf '{"version":1'
member token token
member clientId client-id
member clientSecret client-secret
member url url
member expiresAt expires-at
printf '}\n'
