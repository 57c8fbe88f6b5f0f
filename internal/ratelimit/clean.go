package ratelimit

import (
	"context"
	"log/slog"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxLogText is the length of a text of a stranger in the log, in bytes.
const maxLogText = 300

// Clean returns a stranger's text for a log: at most 300 bytes of valid UTF-8. Control characters
// are removed, because of forged lines and steered terminals. Characters for the direction of
// writing are removed, because a line could read as another.
func Clean(text string) string {
	cut := len(text) > maxLogText
	if cut {
		text = text[:maxLogText]
		for i := 0; i < utf8.UTFMax && !utf8.ValidString(text[max(0, len(text)-utf8.UTFMax):]) && text != ""; i++ {
			text = text[:len(text)-1] // half a character
		}
	}
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	if cut {
		text += "…"
	}
	return text
}

// cleanHandler cleans the texts of a line.
type cleanHandler struct{ slog.Handler }

func (h cleanHandler) Handle(ctx context.Context, line slog.Record) error {
	clean := slog.NewRecord(line.Time, line.Level, line.Message, line.PC)
	line.Attrs(func(attribute slog.Attr) bool {
		clean.AddAttrs(cleanAttribute(attribute))
		return true
	})
	return h.Handler.Handle(ctx, clean)
}

func (h cleanHandler) WithAttrs(attributes []slog.Attr) slog.Handler {
	clean := make([]slog.Attr, len(attributes))
	for i, attribute := range attributes {
		clean[i] = cleanAttribute(attribute)
	}
	return cleanHandler{h.Handler.WithAttrs(clean)}
}

func (h cleanHandler) WithGroup(name string) slog.Handler {
	return cleanHandler{h.Handler.WithGroup(name)}
}

func cleanAttribute(attribute slog.Attr) slog.Attr {
	value := attribute.Value.Resolve()
	switch err, isError := value.Any().(error); {
	case value.Kind() == slog.KindString:
		attribute.Value = slog.StringValue(Clean(value.String()))
	case isError:
		attribute.Value = slog.StringValue(Clean(err.Error()))
	}
	return attribute
}
