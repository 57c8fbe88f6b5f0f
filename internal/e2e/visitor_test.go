package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"pointcharge/internal/apierror"
)

// visitor is a front end of a running server: it knows the address and a user's token.
type visitor struct {
	*program
	env    environment
	url    string
	token  string // minji's
	client *http.Client
}

// openShop starts a server in sandbox mode.
func openShop(t *testing.T, env environment) *visitor {
	t.Helper()
	s := &visitor{program: start(t, env), env: env}
	s.url = s.printed(`listens on (\S+)`)
	s.token = s.printed(`token +(\S+)\n`)
	s.newClient()
	return s
}

// newClient makes a client that closes its connections before the server is asked to stop.
// Otherwise Shutdown would wait five seconds for unused connections.
func (s *visitor) newClient() {
	transport := &http.Transport{MaxIdleConnsPerHost: 100}
	s.client = &http.Client{Transport: transport, Timeout: testTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	s.Cleanup(transport.CloseIdleConnections)
}

// eachShop runs test with a server on each database.
func eachShop(t *testing.T, test func(s *visitor)) {
	t.Helper()
	eachDatabase(t, func(t *testing.T, url string) { test(openShop(t, sandboxOn(url))) })
}

// tokenFor returns a token for another user, from the command line.
func (s *visitor) tokenFor(user string, flags ...string) string {
	s.Helper()
	token, err := finish(s.T, s.env, append([]string{"token", "-user", user}, flags...)...)
	if err != nil {
		s.Fatal(err)
	}
	return strings.TrimSpace(token)
}

// answer is the server's answer to a request.
type answer struct {
	status int
	header http.Header
	text   string
}

func (s *visitor) send(method, url, body string, headers ...string) answer {
	s.Helper()
	a, err := s.trySend(method, url, body, headers...)
	if err != nil {
		s.Fatal(err)
	}
	return a
}

// trySend sends a request with headers in pairs of name and value.
func (s *visitor) trySend(method, url, body string, headers ...string) (answer, error) {
	request, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	request.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := s.client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, string(text)}, err
}

// postJSON sends v and decodes the answer into to, unless that is nil.
func (s *visitor) postJSON(url string, v, to any) answer {
	s.Helper()
	body, err := json.Marshal(v)
	if err != nil {
		s.Fatal(err)
	}
	a := s.send(http.MethodPost, url, string(body))
	if to == nil {
		return a
	}
	decoder := json.NewDecoder(bytes.NewReader([]byte(a.text)))
	if err := decoder.Decode(to); err != nil {
		s.Fatalf("%d %s: %v", a.status, a.text, err)
	}
	return a
}

// reply is an answer of the API.
type reply struct {
	Data struct {
		Viewer struct {
			ID                string
			Balance           int64
			Spendable, Debt   int64
			PointTransactions struct{ Edges []struct{ Node line } }
		}
		ChargeOrder            *order
		CreateChargeOrder      order
		CreatePointTransaction line
		CancelPointTransaction struct{ ID, Status string }
		RefundQuote            struct{ Amount, Points int64 }
		SpendPoints            line
		CancelSpend            line
		PointTransaction       *line
	}
	Errors []struct {
		Message    string
		Extensions struct{ Code, TransactionID string }
	}
	text string
}

type line struct {
	ID, Kind, ImpUID     string
	Amount, BalanceAfter int64
	Order                struct{ MerchantUID, Status string }
	Sources              []struct {
		Amount int64
		Lot    struct{ Transaction struct{ Kind, ImpUID string } }
	}
}

type order struct {
	MerchantUID, Status string
	Checkout            map[string]any
	Transaction         *line
	VirtualAccount      *struct{ Bank, Number string }
}

func (r reply) code() apierror.Code {
	if len(r.Errors) == 0 {
		return ""
	}
	return apierror.Code(r.Errors[0].Extensions.Code)
}

// ask calls the API with variables in pairs of name and value.
func (s *visitor) ask(token, query string, variables ...string) reply {
	s.Helper()
	given := map[string]string{}
	for i := 0; i < len(variables); i += 2 {
		given[variables[i]] = variables[i+1]
	}
	body, err := json.Marshal(map[string]any{"query": query, "variables": given})
	if err != nil {
		s.Fatal(err)
	}
	a, err := s.trySend(http.MethodPost, s.url+"/graphql", string(body), "Authorization", "Bearer "+token)
	r := reply{text: a.text}
	if err == nil {
		err = json.Unmarshal([]byte(a.text), &r)
	}
	if err != nil {
		s.Errorf("%d %s: %v", a.status, a.text, err)
	}
	return r
}

func (s *visitor) wantCode(r reply, code apierror.Code) {
	s.Helper()
	if r.code() != code {
		s.Errorf("got code %q, want %q: %s", r.code(), code, r.text)
	}
}

const (
	lineFields = `id kind amount balanceAfter impUid order { merchantUid status }`
	openOrder  = `mutation($p: ID!) { createChargeOrder(productId: $p) { merchantUid status checkout { sdkUrl userCode channelKey
		pay_method: payMethod merchant_uid: merchantUid name amount currency m_redirect_url: redirectUrl notice_url: noticeUrl } } }`
	credit    = `mutation($id: ID!) { createPointTransaction(impUid: $id) { ` + lineFields + ` } }`
	readOrder = `query($m: ID!) { chargeOrder(merchantUid: $m) { merchantUid status transaction { ` + lineFields + ` }
		virtualAccount { bank number } } }`
	readWallet = `{ viewer { id balance pointTransactions(first: 100) { edges { node { ` + lineFields + ` } } } } }`
)

// buy opens an order of a product.
func (s *visitor) buy(token, product string) order {
	s.Helper()
	r := s.ask(token, openOrder, "p", product)
	if s.wantCode(r, ""); r.Data.CreateChargeOrder.MerchantUID == "" {
		s.Fatalf("no order: %s", r.text)
	}
	return r.Data.CreateChargeOrder
}

// pay makes a payment for the order without a browser, changed by overrides, and returns the
// imp_uid.
func (s *visitor) pay(merchantUID string, amount int64, overrides ...map[string]any) string {
	s.Helper()
	payment := map[string]any{"merchant_uid": merchantUID, "amount": amount}
	for _, o := range overrides {
		for name, value := range o {
			payment[name] = value
		}
	}
	var made struct {
		Response struct {
			ImpUID string `json:"imp_uid"`
		}
	}
	s.postJSON(s.url+"/sandbox/sandbox-payments", payment, &made)
	return made.Response.ImpUID
}

func (s *visitor) charge(token, impUID string) reply {
	s.Helper()
	return s.ask(token, credit, "id", impUID)
}

func (s *visitor) wantBalance(token string, points int64) {
	s.Helper()
	if r := s.ask(token, readWallet); r.code() != "" || r.Data.Viewer.Balance != points {
		s.Errorf("want %d points: %s", points, r.text)
	}
}

func (s *visitor) readOrder(token, merchantUID string) order {
	s.Helper()
	r := s.ask(token, readOrder, "m", merchantUID)
	if r.code() != "" || r.Data.ChargeOrder == nil {
		s.Fatalf("no order %s: %s", merchantUID, r.text)
	}
	return *r.Data.ChargeOrder
}

// awaitStatus reads the order until a webhook or a job has moved it. Each try is a round trip.
func (s *visitor) awaitStatus(token, merchantUID, status string) order {
	s.Helper()
	for deadline := time.Now().Add(testTimeout); ; runtime.Gosched() {
		o := s.readOrder(token, merchantUID)
		if o.Status == status {
			return o
		}
		if time.Now().After(deadline) {
			s.Fatalf("the order stays %s, want %s", o.Status, status)
		}
	}
}
