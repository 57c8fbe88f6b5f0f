package e2e

import (
	"net/http"
	"testing"

	testdb "pointcharge/internal/database/databasetest"
)

const products = `{"query":"{ chargeProducts { id } }"}`

// sendFromOrigin asks the API as a page of origin does.
func (s *visitor) sendFromOrigin(origin string) answer {
	s.Helper()
	return s.send(http.MethodPost, s.url+"/graphql", products, "Origin", origin, "Sec-Fetch-Site", "cross-site")
}

func (s *visitor) preflight(origin string) answer {
	s.Helper()
	return s.send(http.MethodOptions, s.url+"/graphql", "", "Origin", origin, "Access-Control-Request-Method", "POST",
		"Access-Control-Request-Headers", "authorization,content-type")
}

// wantOrigin fails unless the origin's pages may call, or may not.
func (s *visitor) wantOrigin(origin string, may bool) {
	s.Helper()
	asked, preflight := s.sendFromOrigin(origin), s.preflight(origin)
	allowed := asked.header.Get("Access-Control-Allow-Origin")
	if may && (asked.status != http.StatusOK || allowed != origin || preflight.header.Get("Access-Control-Allow-Headers") == "") {
		s.Errorf("%s may not call: %d, allowed %q, preflight %v", origin, asked.status, allowed, preflight.header)
	}
	if !may && (asked.status != http.StatusForbidden || allowed != "" || preflight.header.Get("Access-Control-Allow-Origin") != "") {
		s.Errorf("%s may call: %d, allowed %q, preflight %v", origin, asked.status, allowed, preflight.header)
	}
}

func openShopForOrigins(t *testing.T, origins string) *visitor {
	t.Helper()
	return openShop(t, sandboxOn(testdb.URL(t, testdb.SQLite)).with(environment{"CORS_ORIGINS": origins}))
}

func TestNoOtherOriginMayCallByDefault(t *testing.T) {
	t.Parallel()
	s := openShopForOrigins(t, "")
	s.wantOrigin("https://evil.example", false)
	s.wantOrigin("null", false)
	if own := s.send(http.MethodPost, s.url+"/graphql", products, "Origin", s.url, "Sec-Fetch-Site", "same-origin"); own.status != http.StatusOK {
		t.Errorf("its own pages may not: %d %s", own.status, own.text)
	}
	if program := s.send(http.MethodPost, s.url+"/graphql", products); program.status != http.StatusOK {
		t.Errorf("programs may not: %d %s", program.status, program.text)
	}
}

func TestListedOriginsMayCall(t *testing.T) {
	t.Parallel()
	s := openShopForOrigins(t, "https://shop.example,https://admin.example:8443")
	s.wantOrigin("https://shop.example", true)
	s.wantOrigin("https://admin.example:8443", true)
	s.wantOrigin("http://shop.example", false)
	s.wantOrigin("https://shop.example.evil", false)
}

func TestEveryOriginMayCallWhenTheSandboxSaysSo(t *testing.T) {
	t.Parallel()
	openShopForOrigins(t, "*").wantOrigin("https://anything.example", true)
}
