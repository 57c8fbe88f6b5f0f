package docs_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// standIn is what the documents' front ends find on their page: the SDK, which pays at the
// sandbox or, as when the payer closes the window, does not; and show, which prints.
const standIn = `
const [API, TOKEN, status] = process.argv.slice(2);
const show = (text) => console.log(text);
const IMP = {
  init() {},
  async request_pay({ merchant_uid, amount }, callback) {
    const body = JSON.stringify({ merchant_uid, amount, status });
    const headers = { 'Content-Type': 'application/json' };
    const answer = await fetch(API + '/sandbox/sandbox-payments', { method: 'POST', headers, body });
    const { imp_uid } = (await answer.json()).response;
    callback({ imp_uid, error_msg: status === 'paid' ? null : 'the payer closed the window' });
  },
};
`

// TestFrontEndsWork runs the js blocks of each document in Node against a sandbox: once the payer
// pays, once the payer closes the window.
func TestFrontEndsWork(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("node"); err != nil {
		if os.Getenv("REQUIRE_NODE") != "" {
			t.Fatal(err)
		}
		t.Skip("the documents' front ends need node")
	}
	program(t)
	for _, d := range documents(t) {
		code := ""
		for _, f := range d.fences {
			if f.info == "js" {
				code += f.body
			}
		}
		if code == "" {
			continue
		}
		t.Run(d.path, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			page := filepath.Join(server.dir, "page.mjs")
			if err := os.WriteFile(page, []byte(standIn+code), 0o600); err != nil {
				t.Fatal(err)
			}
			token, err := server.run(t, program(t), "token", "-user", "minji")
			if err != nil {
				t.Fatal(err)
			}
			for status, want := range map[string]string{"paid": "5000", "failed": "the payer closed the window"} {
				got, err := server.run(t, "node", page, "http://"+server.addr, strings.TrimSpace(token), status)
				if err != nil || strings.TrimSpace(got) != want {
					t.Errorf("a payment that is %s: the page shows %q, not %q: %v", status, got, want, err)
				}
			}
		})
	}
}
