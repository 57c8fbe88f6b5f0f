package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
)

const maxBody = 64 << 10 // bytes; Iamport documents no limit, and no request to Iamport is longer

// fields is a flat body, JSON or form: every POST and PUT takes both (contract §1.1). A null counts
// as absent. Numbers and booleans keep the JSON text, so that no digit is lost.
type fields map[string]string

// readFields decodes the body. For an unreadable body readFields answers the reason and returns
// false.
func (s *Sandbox) readFields(w http.ResponseWriter, r *http.Request) (fields, bool) {
	body, ok := s.readBody(w, r)
	if !ok {
		return nil, false
	}
	parse := parseJSONFields
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind == "application/x-www-form-urlencoded" {
		parse = parseFormFields
	}
	in, err := parse(body)
	if err != nil {
		s.writeFailure(w, http.StatusBadRequest, -1, "요청 본문을 해석할 수 없습니다.")
		return nil, false
	}
	return in, true
}

func (s *Sandbox) readBody(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	body, err := io.ReadAll(r.Body)
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		s.writeFailure(w, http.StatusRequestEntityTooLarge, -1, "요청 본문이 너무 큽니다.")
		return nil, false
	}
	if err != nil {
		s.writeFailure(w, http.StatusBadRequest, -1, "요청 본문을 읽을 수 없습니다.")
		return nil, false
	}
	return body, true
}

// readJSON decodes a body of the sandbox's own routes into v. For an unreadable body readJSON
// answers the reason and returns false. The content type is required, so that a plain form of
// another site cannot pay.
func (s *Sandbox) readJSON(w http.ResponseWriter, r *http.Request, v any) bool {
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/json" {
		s.writeFailure(w, http.StatusUnsupportedMediaType, -1, "Content-Type은 application/json이어야 합니다.")
		return false
	}
	body, ok := s.readBody(w, r)
	if !ok {
		return false
	}
	if err := json.Unmarshal(body, v); err != nil {
		s.writeFailure(w, http.StatusBadRequest, -1, "요청 본문을 해석할 수 없습니다: "+err.Error())
		return false
	}
	return true
}

func parseFormFields(body []byte) (fields, error) {
	values, err := url.ParseQuery(string(body))
	in := fields{}
	for name := range values {
		in[name] = values.Get(name)
	}
	return in, err
}

func parseJSONFields(body []byte) (fields, error) {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(body, &raw); err != nil {
		return nil, err
	}
	in := fields{}
	for name, value := range raw {
		if bytes.Equal(value, []byte("null")) {
			continue
		}
		text := string(value)
		if value[0] == '"' {
			if err := json.Unmarshal(value, &text); err != nil {
				return nil, err
			}
		}
		in[name] = text
	}
	return in, nil
}
