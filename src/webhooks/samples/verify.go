package webhooks

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Verify fails unless the request was signed with the secret within five
// minutes. body: the bytes as they came.
func Verify(secret string, header http.Header, body []byte) error {
	id, timestamp := header.Get("webhook-id"), header.Get("webhook-timestamp")
	sent, err := strconv.ParseInt(timestamp, 10, 64)
	if id == "" || err != nil {
		return errors.New("a header is missing")
	}
	age := time.Since(time.Unix(sent, 0))
	if age > 5*time.Minute || age < -5*time.Minute {
		return errors.New("too old, or from the future")
	}

	secret = strings.TrimPrefix(secret, "whsec_")
	key, err := base64.StdEncoding.DecodeString(secret)
	if err != nil {
		return err
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.", id, timestamp)
	mac.Write(body)
	expected := mac.Sum(nil)

	// While a secret is rotated there are two.
	for _, signature := range strings.Fields(header.Get("webhook-signature")) {
		value := strings.TrimPrefix(signature, "v1,")
		given, err := base64.StdEncoding.DecodeString(value)
		if value != signature && err == nil && hmac.Equal(given, expected) {
			return nil
		}
	}
	return errors.New("the signature is wrong")
}
