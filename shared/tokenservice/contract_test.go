package tokenservice

import (
	"encoding/json"
	"os"
	"slices"
	"testing"

	"gopkg.in/yaml.v3"

	"safekeep/shared/token"
)

// What infra/tokenservice.yaml promises is what the code does.
func TestContract(t *testing.T) {
	text, err := os.ReadFile("../../infra/tokenservice.yaml")
	if err != nil {
		t.Fatal(err)
	}
	type signed struct{ Body, Signature string }
	type content struct {
		Content map[string]struct {
			Schema  map[string]any
			Example any
		}
	}
	var contract struct {
		Vector struct {
			Key, Timestamp, Nonce string
			Request, Answer       signed
		} `yaml:"x-vector"`
		Paths map[string]struct {
			Post struct {
				RequestBody content `yaml:"requestBody"`
				Responses   map[string]content
			}
		}
		Components struct {
			Schemas map[string]struct {
				Required   []string
				Properties map[string]struct {
					MaxLength int `yaml:"maxLength"`
				}
			}
		}
	}
	if err := yaml.Unmarshal(text, &contract); err != nil {
		t.Fatal(err)
	}
	v := contract.Vector
	if got := sign(v.Key, v.Timestamp, v.Nonce, v.Request.Body); got != v.Request.Signature {
		t.Errorf("the request's signature is %s", got)
	}
	if got := sign(v.Key, v.Nonce, v.Answer.Body); got != v.Answer.Signature {
		t.Errorf("the answer's signature is %s", got)
	}
	example := func(c content) []byte {
		body, err := json.Marshal(c.Content["application/json"].Example)
		if err != nil || string(body) == "null" {
			t.Fatalf("there is no example: %v", err)
		}
		return body
	}
	var asked struct{ SHA256 []token.Hash }
	lookup, revoke := contract.Paths["/lookup"].Post, contract.Paths["/revoke"].Post
	if err := json.Unmarshal(example(lookup.RequestBody), &asked); err != nil {
		t.Fatal(err)
	}
	if tokens, err := readLookup(example(lookup.Responses["200"]), asked.SHA256); err != nil || len(tokens) != 1 {
		t.Errorf("the example of a lookup: %v", err)
	}
	if err := readRevoke(example(revoke.Responses["200"])); err != nil {
		t.Errorf("the example of a revocation: %v", err)
	}
	most := lookup.RequestBody.Content["application/json"].Schema["properties"].(map[string]any)["sha256"].(map[string]any)["maxItems"]
	shape := contract.Components.Schemas["Token"]
	if most != lookupSize || shape.Properties["name"].MaxLength != token.MaxName || shape.Properties["hint"].MaxLength != MaxHint {
		t.Errorf("limits: %v hashes, %+v", most, shape.Properties)
	}
	// Each field that is required is missed, and no other.
	var answer struct{ Tokens []map[string]any }
	if err := json.Unmarshal(example(lookup.Responses["200"]), &answer); err != nil {
		t.Fatal(err)
	}
	full := answer.Tokens[0]
	for field := range shape.Properties {
		value, has := full[field]
		if !has {
			t.Errorf("the example has no %s", field)
		}
		delete(full, field)
		body, err := json.Marshal(answer)
		if err != nil {
			t.Fatal(err)
		}
		if tokens, err := readLookup(body, asked.SHA256); (err != nil) != slices.Contains(shape.Required, field) {
			t.Errorf("without %s: %v", field, err)
		} else if err != nil && len(tokens) > 0 {
			t.Errorf("without %s: found %v beside the error", field, tokens)
		}
		full[field] = value
	}
}
