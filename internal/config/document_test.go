package config_test

import (
	"os"
	"strings"
	"testing"

	"pointcharge/internal/config"
)

func TestDocumentsAgreeWithTheCode(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]string{
		"../../docs/configuration.md":    config.Document(),
		"../../docs/configuration.ko.md": config.DocumentKorean(),
	} {
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != want {
			t.Errorf("%s differs from the code; run: go generate ./internal/config", file)
		}
		if strings.Contains(want, "|  |") {
			t.Errorf("%s: a setting lacks a default or a meaning", file)
		}
	}
}

func TestEveryTopicHasItsHeading(t *testing.T) {
	t.Parallel()
	const topics = 10
	for _, text := range []string{config.Document(), config.DocumentKorean()} {
		if got := strings.Count(text, "\n## "); got != topics {
			t.Errorf("%d headings, want %d: was the first setting of a topic renamed?", got, topics)
		}
	}
}
