package sandbox

import (
	"encoding/json"
	"net/http"
	"sync/atomic"
)

// registerRoutes lists every address of the sandbox. The first block is Iamport's (contract §1).
// The rest is the sandbox's own, for iamport.js, the checkout page and tests.
func (s *Sandbox) registerRoutes() {
	s.mux, s.requests = http.NewServeMux(), map[string]*atomic.Int64{}

	s.handleRoute("POST /users/getToken", s.getToken)
	s.handleRoute("GET /payments", s.requireToken(s.listPayments))
	s.handleRoute("GET /payments/{imp_uid}", s.requireToken(s.getPayment))
	s.handleRoute("GET /payments/find/{merchant_uid}", s.requireToken(s.findPayment))
	s.handleRoute("GET /payments/find/{merchant_uid}/{status}", s.requireToken(s.findPayment))
	s.handleRoute("GET /payments/findAll/{merchant_uid}", s.requireToken(s.findAllPayments))
	s.handleRoute("GET /payments/findAll/{merchant_uid}/{status}", s.requireToken(s.findAllPayments))
	s.handleRoute("GET /payments/status/{status}", s.requireToken(s.statusPayments))
	s.handleRoute("POST /payments/prepare", s.requireToken(s.createPreparation))
	s.handleRoute("PUT /payments/prepare", s.requireToken(s.replacePreparation))
	s.handleRoute("GET /payments/prepare/{merchant_uid}", s.requireToken(s.getPreparation))
	s.handleRoute("POST /payments/cancel", s.requireToken(s.postCancel))
	s.handleRoute("POST /vbanks", s.requireToken(s.postVbank))
	s.handleRoute("DELETE /vbanks/{imp_uid}", s.requireToken(s.deleteVbank))

	s.controlRoutes()
	s.handleRoute("GET /sandbox-payments", s.listSandboxPayments)
	s.handleRoute("POST /sandbox-payments", s.postSandboxPayment)
	s.handleRoute("POST /sandbox-payments/{imp_uid}/pay", s.paySandboxPayment)
	s.handleRoute("POST /sandbox-payments/{imp_uid}/deposit", s.depositSandboxPayment)
	s.handleRoute("GET /iamport.js", s.getSDK)
	s.handleRoute("GET /assets/{file}", s.getAsset)
	s.handleRoute("POST /checkout", s.openCheckout)
	s.handleRoute("OPTIONS /checkout", s.allowCheckout)
	s.handleRoute("GET /checkout/{session}", s.showCheckout)
	s.handleRoute("POST /checkout/{session}/answer", s.answerCheckout)

	s.handleRoute("/", func(w http.ResponseWriter, _ *http.Request) {
		s.writeFailure(w, http.StatusNotFound, -1, "존재하지 않는 API입니다.")
	})
}

func (s *Sandbox) handleRoute(pattern string, answer http.HandlerFunc) {
	asked, answer := new(atomic.Int64), s.withRequestFaults(pattern, answer)
	s.requests[pattern] = asked
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		answer(w, r)
	})
}

// envelope wraps every answer of the REST interface (contract §1.2).
type envelope struct {
	Code     int  `json:"code"` // 0 is success, whatever the HTTP status is
	Message  Text `json:"message"`
	Response any  `json:"response"`
}

func (s *Sandbox) writeResponse(w http.ResponseWriter, status int, response any) {
	s.writeJSON(w, status, envelope{Response: response})
}

func (s *Sandbox) writeFailure(w http.ResponseWriter, status, code int, message string) {
	s.writeJSON(w, status, envelope{Code: code, Message: Text(message)})
}

func (s *Sandbox) writeJSON(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil { // an amount that is no number, from Put
		s.log.Error("sandbox: cannot encode an answer", "err", err)
		status = http.StatusInternalServerError
		text = []byte(`{"code":-1,"message":"Internal Server Error","response":null}`)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(text) // a caller that has left needs no answer
}
