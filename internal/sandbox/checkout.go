package sandbox

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"embed"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
)

//go:embed assets pages
var files embed.FS

// session (결제창) is one payment window: an order, and the outcome once the window has ended.
type session struct {
	id, impUID string
	order      order
	overlay    bool // an iframe over the shop's page, not a page in its place
	// Of the page that asked: only this origin hears of the outcome and may frame the window.
	shopOrigin string

	mu      sync.Mutex
	outcome *outcome
}

func parsePages() *template.Template {
	return template.Must(template.ParseFS(files, "pages/*.html"))
}

// openCheckout answers POST /checkout, where iamport.js sends the parameters of request_pay:
//
//	{user_code, flow: "overlay"|"redirect", channel: "pc"|"mobile", params: {…}}
//
// It answers 201 {session}, or 422 with an outcome when the window must not open.
func (s *Sandbox) openCheckout(w http.ResponseWriter, r *http.Request) {
	allowAnyShop(w)
	var in struct {
		UserCode string `json:"user_code"`
		Flow     string `json:"flow"`
		Channel  string `json:"channel"`
		Params   order  `json:"params"`
	}
	if !s.readJSON(w, r, &in) {
		return
	}
	window := &session{id: rand.Text(), order: in.Params, overlay: in.Flow != "redirect", shopOrigin: shopOrigin(r)}
	why := s.checkOrder(in.Params)
	switch {
	case s.config.UserCode != "" && s.config.UserCode != in.UserCode:
		why = errUserCode
	case window.overlay && r.Header.Get("Origin") == "null":
		why = errPageOrigin // a file: page can neither get the outcome nor frame the window
	}
	if why != nil {
		s.writeJSON(w, http.StatusUnprocessableEntity, window.refusedOutcome(why))
		return
	}
	channel := "pc"
	if in.Channel == "mobile" {
		channel = in.Channel
	}
	s.openSession(window, r.UserAgent(), channel)
	s.writeJSON(w, http.StatusCreated, map[string]string{"session": window.id})
}

func (s *Sandbox) openSession(window *session, userAgent, channel string) {
	now := s.now().Unix()
	notices := slices.Compact(slices.Sorted(slices.Values(window.order.NoticeURL)))
	window.impUID = s.store.putPayment(window.order.newPayment(userAgent, channel, now), notices, now).ImpUID
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions.put(window.id, window)
}

// allowCheckout answers the preflight request of a shop on another origin.
func (s *Sandbox) allowCheckout(w http.ResponseWriter, _ *http.Request) {
	allowAnyShop(w)
	w.Header().Set("Access-Control-Allow-Methods", "POST")
	w.Header().Set("Access-Control-Allow-Headers", "Content-Type")
	w.Header().Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
}

// allowAnyShop lets pages of every origin open a window, as Iamport does. No cookie is involved.
func allowAnyShop(w http.ResponseWriter) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
}

// shopOrigin returns the Origin header, or "" for an origin that a Content-Security-Policy cannot
// carry.
func shopOrigin(r *http.Request) string {
	origin := r.Header.Get("Origin")
	u, err := url.Parse(origin)
	if err != nil || !isWebAddress(origin) || origin != u.Scheme+"://"+u.Host ||
		strings.ContainsAny(origin, " ;,'\"*") {
		return ""
	}
	return origin
}

// showCheckout answers GET /checkout/{session} with the page where a person chooses the outcome.
func (s *Sandbox) showCheckout(w http.ResponseWriter, r *http.Request) {
	window, ok := s.findSession(r)
	if !ok {
		s.renderPage(w, http.StatusNotFound, "", "gone.html", nil)
		return
	}
	ancestors := ""
	if window.overlay {
		ancestors = window.shopOrigin
	}
	o := window.order
	amount, _ := o.parseAmount()
	s.renderPage(w, http.StatusOK, ancestors, "checkout.html", map[string]any{
		"Shop": ancestors, "Name": cmp.Or(o.Name, "주문"), "MerchantUID": o.MerchantUID, "ImpUID": window.impUID,
		"Buyer": o.BuyerName, "PayMethod": cmp.Or(o.PayMethod, "card"), "Vbank": o.PayMethod == "vbank", "IssuesKey": o.CustomerUID != "",
		"Amount": amount.toNumber(), "Grouped": groupThousands(string(amount.toNumber())), "Currency": o.currencyOrWon(),
	})
}

// renderPage writes a page that runs only the sandbox's scripts. Only ancestors may frame the page.
func (s *Sandbox) renderPage(w http.ResponseWriter, status int, ancestors, name string, data any) {
	var page bytes.Buffer
	if err := s.pages.ExecuteTemplate(&page, name, data); err != nil {
		s.log.Error("sandbox: cannot render", "page", name, "err", err)
		http.Error(w, "Internal Server Error", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "+
		"base-uri 'none'; form-action 'none'; frame-ancestors "+cmp.Or(ancestors, "'none'"))
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = page.WriteTo(w)
}

func (s *Sandbox) findSession(r *http.Request) (*session, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions.get(r.PathValue("session"))
}

// getSDK answers GET /iamport.js, which pages of every origin load.
func (s *Sandbox) getSDK(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
	serveFile(w, r, "iamport.js")
}

func (s *Sandbox) getAsset(w http.ResponseWriter, r *http.Request) {
	serveFile(w, r, r.PathValue("file"))
}

func serveFile(w http.ResponseWriter, r *http.Request, name string) {
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	http.ServeFileFS(w, r, files, "assets/"+name)
}

// groupThousands puts commas between the thousands.
func groupThousands(number string) string {
	whole, fraction, found := strings.Cut(number, ".")
	for at := len(whole) - 3; at > 0; at -= 3 {
		whole = whole[:at] + "," + whole[at:]
	}
	if found {
		whole += "." + fraction
	}
	return whole
}
