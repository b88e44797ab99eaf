# Signs an event as Latchkey does, and sends it to your endpoint.
id=evt_try timestamp=$(date +%s)
body='{"type":"webhook.test","timestamp":"2026-01-01T00:00:00Z","data":{}}'

key=$(printf %s "${WEBHOOK_SECRET#whsec_}" | openssl base64 -d -A |
  od -An -v -tx1 | tr -d ' \n')
signature=$(printf '%s.%s.%s' "$id" "$timestamp" "$body" |
  openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary |
  openssl base64 -A)

curl -sS -i "${WEBHOOK_URL}" \
  -H "content-type: application/json" \
  -H "webhook-id: $id" \
  -H "webhook-timestamp: $timestamp" \
  -H "webhook-signature: v1,$signature" \
  --data-binary "$body"
