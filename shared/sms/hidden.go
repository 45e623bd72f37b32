package sms

import (
	"fmt"
	"log/slog"
)

// hidden is text that must not be printed: a code, or a message around one.
// Whatever prints, logs or encodes it gets "…".
type hidden struct{ text *string }

func hide(text string) hidden { return hidden{&text} }

func (h hidden) reveal() string {
	if h.text == nil {
		return ""
	}
	return *h.text
}

// String keeps the text out of whatever prints it by accident.
func (hidden) String() string { return "…" }

// LogValue implements slog.LogValuer.
func (hidden) LogValue() slog.Value { return slog.StringValue("…") }

// MarshalText implements encoding.TextMarshaler, and so covers JSON.
func (hidden) MarshalText() ([]byte, error) { return []byte("…"), nil }

// Format implements fmt.Formatter for every verb.
func (hidden) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("…")) }
