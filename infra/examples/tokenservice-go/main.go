// Tokenservice-go is a company's own token service, as Safekeep calls it:
// infra/tokenservice.yaml.
//
//	KEY=$(openssl rand -hex 32) TOKENS='[{"sha256":"…","id":"key_7",…}]' PORT=8080 go run .
//
// A real one keeps its tokens in its own database; the rest can stay like this.
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

type token map[string]any

func sign(key string, parts ...string) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(strings.Join(parts, ".")))
	return "v1=" + hex.EncodeToString(mac.Sum(nil))
}

// signed hands on a question whose signature is good, over the bytes as they
// arrived, and signs the answer. Without one it is 401.
func signed[Q any](keys []string, answer func(Q) any) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 100<<10))
		timestamp, nonce := r.Header.Get("Safekeep-Timestamp"), r.Header.Get("Safekeep-Nonce")
		sent, wrong := strconv.ParseInt(timestamp, 10, 64)
		good := false
		for _, key := range keys {
			good = hmac.Equal([]byte(r.Header.Get("Safekeep-Signature")), []byte(sign(key, timestamp, nonce, string(body)))) || good
		}
		var question Q
		if err != nil || wrong != nil || !good || time.Since(time.Unix(sent, 0)).Abs() > 5*time.Minute || json.Unmarshal(body, &question) != nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		text, _ := json.Marshal(answer(question))
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Safekeep-Signature", sign(keys[0], nonce, string(text)))
		_, _ = w.Write(text)
	}
}

func main() {
	keys := strings.Fields(os.Getenv("KEY") + " " + os.Getenv("PREVIOUS_KEY"))
	if len(keys) == 0 || len(keys[0]) < 32 {
		log.Fatal("KEY must have at least 32 characters: openssl rand -hex 32")
	}
	var mu sync.Mutex
	var all []token
	_ = json.Unmarshal([]byte(os.Getenv("TOKENS")), &all)
	tokens := map[string]token{}
	for _, t := range all {
		tokens[t["sha256"].(string)] = t
	}
	http.Handle("POST /lookup", signed(keys, func(q struct{ SHA256 []string }) any {
		found := []token{} // none is an empty list and not null
		mu.Lock()
		defer mu.Unlock()
		for _, hash := range q.SHA256 {
			if t := tokens[hash]; t != nil {
				found = append(found, maps.Clone(t)) // as it is now; it is sent when the lock is gone
			}
		}
		return map[string]any{"tokens": found}
	}))
	http.Handle("POST /revoke", signed(keys, func(q struct{ SHA256 string }) any {
		mu.Lock()
		defer mu.Unlock()
		t, result := tokens[q.SHA256], "unknown"
		if t != nil && t["status"] == "active" {
			result, t["status"], t["ended_at"] = "revoked", "revoked", time.Now().UTC()
		} else if t != nil {
			result = "already_revoked"
		}
		return map[string]string{"result": result}
	}))
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Getenv("PORT"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("ready http://%s\n", listener.Addr())
	log.Fatal((&http.Server{ReadTimeout: 5 * time.Second}).Serve(listener))
}
