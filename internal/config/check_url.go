package config

import (
	"net/url"
	"slices"
	"strings"
)

// checkURL never shows the value, because a URL may hold a password.
func checkURL(errs *Errors, name, raw string, secure bool) {
	if raw == "" {
		return
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https":
		errs.addMistake(name, "is wrong: it is not an http:// or https:// address")
	case u.User != nil:
		errs.addMistake(name, "is wrong: it holds a user name or password")
	case u.RawQuery != "" || u.Fragment != "":
		errs.addMistake(name, "is wrong: it has a query or a fragment")
	case secure && u.Scheme != "https":
		errs.addMistake(name, "is wrong: it must begin with https:// in live mode")
	}
}

// checkFrontend accepts every address that a browser or a phone can open: a page, also behind a
// hash route, and an app by the app's own scheme.
func (c Config) checkFrontend(errs *Errors) {
	u, err := url.Parse(c.FrontendURL)
	if err == nil && isAppScheme(u.Scheme) && u.Host+u.Path != "" && u.User == nil {
		return
	}
	page, _, _ := strings.Cut(c.FrontendURL, "#")
	page, _, _ = strings.Cut(page, "?")
	checkURL(errs, "FRONTEND_URL", page, c.Mode == Live)
}

// isAppScheme tells the schemes of apps from the schemes of browsers.
func isAppScheme(scheme string) bool {
	known := []string{"", "http", "https", "ws", "wss", "ftp", "file", "data", "blob", "about", "javascript", "vbscript", "null"}
	return !slices.Contains(known, scheme)
}

func (c Config) checkOrigin(errs *Errors, origin string) {
	if origin == "*" {
		if c.Mode == Live {
			errs.addMistake("CORS_ORIGINS", "is wrong: * is not allowed in live mode")
		}
		return
	}
	want, ok := canonicalOrigin(origin)
	switch {
	case c.Mode == Live && strings.HasPrefix(origin, "http://") && !isAppOrigin(origin):
		errs.addMistake("CORS_ORIGINS", "is wrong: %q must begin with https:// in live mode", origin)
	case !ok:
		errs.addMistake("CORS_ORIGINS", "is wrong: %q is not an origin such as https://shop.example", origin)
	case want != origin:
		errs.addMistake("CORS_ORIGINS", "is wrong: browsers send %q, not %q", want, origin)
	}
}

// canonicalOrigin returns the origin in the spelling of browsers' Origin header: lower case,
// without a path and without the scheme's default port. A host with "*" is refused: a pattern is
// easily wider than meant.
func canonicalOrigin(raw string) (string, bool) {
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" || u.User != nil || strings.ContainsFunc(u.Host, isUnusualInHost) {
		return "", false
	}
	host := strings.ToLower(u.Host)
	switch u.Scheme {
	case "http":
		return "http://" + strings.TrimSuffix(host, ":80"), true
	case "https":
		return "https://" + strings.TrimSuffix(host, ":443"), true
	default:
		return u.Scheme + "://" + host, isAppScheme(u.Scheme)
	}
}

// isAppOrigin recognizes the origin of Android's Capacitor apps. No connection of such a page can
// be eavesdropped on, because the pages come from the app.
func isAppOrigin(origin string) bool { return origin == "http://localhost" }

// isUnusualInHost finds characters that browsers never write in a host: browsers send names in
// Punycode.
func isUnusualInHost(r rune) bool { return r > '~' || strings.ContainsRune("*, ", r) }

// isHeaderName accepts a token (RFC 9110 §5.6.2).
func isHeaderName(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune("\"(),/:;<=>?@[\\]{}*", r)
	})
}
