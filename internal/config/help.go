package config

import (
	"reflect"
	"strings"
)

// Help describes every variable with defaults, one below the other, from the tags of Config.
func Help() string {
	var b strings.Builder
	for _, v := range listVariables() {
		b.WriteString("  " + v.name + "\n        " + v.help + "\n        default: " + v.describeDefaults() + "\n")
	}
	return b.String()
}

// variable is one field of Config, described by the field's tags.
type variable struct {
	field, name, help, ko string
	sandbox, live         string
}

func listVariables() []variable {
	var out []variable
	for _, field := range reflect.VisibleFields(reflect.TypeFor[Config]()) {
		if tag := field.Tag; tag.Get("env") != "" {
			out = append(out, variable{field.Name, tag.Get("env"), tag.Get("help"), tag.Get("ko"), tag.Get("sandbox"), tag.Get("live")})
		}
	}
	return out
}

func (v variable) tagFor(mode Mode) string {
	if mode == Live {
		return v.live
	}
	return v.sandbox
}

// defaultValue returns the default, or an empty text when the tag is a description.
func (v variable) defaultValue(mode Mode) string {
	tag := v.tagFor(mode)
	if strings.HasPrefix(tag, "<") {
		return ""
	}
	return tag
}

func (v variable) isRequired(mode Mode) bool { return v.tagFor(mode) == "<required>" }

func (v variable) describeDefaults() string {
	sandbox, live := strings.Trim(v.sandbox, "<>"), strings.Trim(v.live, "<>")
	if sandbox == live {
		return sandbox
	}
	return sandbox + " (sandbox), " + live + " (live)"
}
