# verify.sh ID TIMESTAMP SIGNATURES BODY_FILE: the three headers, and the
# body as it came, byte for byte.
id=$1 timestamp=$2 signatures=$3 body=$4

case $timestamp in '' | *[!0-9]*) echo "no timestamp" >&2 && exit 1 ;; esac
age=$(($(date +%s) - timestamp))
if [ "$age" -gt 300 ] || [ "$age" -lt -300 ]; then
  echo "too old, or from the future" >&2
  exit 1
fi

key=$(printf %s "${WEBHOOK_SECRET#whsec_}" | openssl base64 -d -A |
  od -An -v -tx1 | tr -d ' \n')
expected=$({ printf '%s.%s.' "$id" "$timestamp" && cat "$body"; } |
  openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary |
  openssl base64 -A)

# While a secret is rotated there are two.
for signature in $signatures; do
  if [ "$signature" = "v1,$expected" ]; then exit 0; fi
done
echo "the signature is wrong" >&2
exit 1
