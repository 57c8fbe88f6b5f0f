//go:build unix

package torture_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// callTimeout is a client's longest wait for an answer. The server's longest answer takes more
// time, so some calls give up first.
const callTimeout = 12 * time.Second

// client is all browsers and backends together, and counts their answers.
type client struct {
	http *http.Client

	mu         sync.Mutex
	calls      int
	unanswered int            // without an answer that can be read
	refused    map[string]int // by error code
}

func newClient() *client {
	return &client{http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}, Timeout: callTimeout}, refused: map[string]int{}}
}

// post sends v and decodes the answer into to, unless to is nil.
func (c *client) post(ctx context.Context, url, token string, v, to any) error {
	err := c.postJSON(ctx, url, token, v, to)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls++
	if err != nil {
		c.unanswered++
	}
	return err
}

func (c *client) postJSON(ctx context.Context, url, token string, v, to any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || to == nil {
		return err
	}
	if err := json.Unmarshal(text, to); err != nil {
		return fmt.Errorf("%s: %w", response.Status, err)
	}
	return nil
}

// answer is an answer of the API.
type answer struct {
	Data struct {
		CreateChargeOrder struct {
			MerchantUID string
			Checkout    map[string]any
		}
		IssueVirtualAccount    *struct{ Status string }
		CreatePointTransaction *struct{ ID string }
		SpendPoints            *struct{ ID string }
		CancelPointTransaction *struct{ Status string }
	}
	Errors []struct {
		Message    string
		Extensions struct{ Code string }
	}
}

// noAnswer is the code of a call without an answer.
const noAnswer = "(none)"

// code returns the error code, or "" for success.
func (a answer) code() string {
	if len(a.Errors) == 0 {
		return ""
	}
	return a.Errors[0].Extensions.Code
}

// callAPI calls the API of one server. The code is noAnswer when the outcome is unknown.
func (c *client) callAPI(ctx context.Context, url, token, query string, variables map[string]any) (a answer, code string) {
	err := c.post(ctx, url+"/graphql", token, map[string]any{"query": query, "variables": variables}, &a)
	if err != nil {
		return answer{}, noAnswer
	}
	if code = a.code(); code != "" {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.refused[code]++
	}
	return a, code
}

const (
	openOrder = `mutation($p: ID!, $m: PayMethod!) { createChargeOrder(productId: $p, payMethod: $m) { merchantUid checkout {
		pay_method: payMethod merchant_uid: merchantUid name amount currency m_redirect_url: redirectUrl notice_url: noticeUrl } } }`
	issueAccount  = `mutation($i: IssueVirtualAccountInput!) { issueVirtualAccount(input: $i) { status } }`
	chargePayment = `mutation($id: ID!) { createPointTransaction(impUid: $id) { id } }`
	spendPoints   = `mutation($i: SpendPointsInput!) { spendPoints(input: $i) { id } }`
	refundCharge  = `mutation($i: CancelPointTransactionInput!) { cancelPointTransaction(input: $i) { status } }`
)
