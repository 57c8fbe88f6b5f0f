package sandbox

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"

	"pointcharge/internal/sandbox/fault"
)

// faultsPath is the address of the fault plan. A sandbox mounted at /sandbox and a standalone
// sandbox both answer /sandbox/faults.
const faultsPath = "/faults"

func (s *Sandbox) controlRoutes() {
	for _, mount := range []string{"", "/sandbox"} {
		s.handleRoute("GET "+mount+faultsPath, s.getFaults)
		s.handleRoute("PUT "+mount+faultsPath, s.putFaults)
		s.handleRoute("DELETE "+mount+faultsPath, s.deleteFaults)
		s.handleRoute("POST "+mount+faultsPath+"/flush", s.flushFaults)
	}
}

func isFaultsPath(path string) bool {
	path = strings.TrimPrefix(path, "/sandbox")
	return path == faultsPath || path == faultsPath+"/flush"
}

// getFaults answers GET /faults with a Report.
func (s *Sandbox) getFaults(w http.ResponseWriter, _ *http.Request) {
	s.writeJSON(w, http.StatusOK, s.Faults())
}

// putFaults answers PUT /faults, which is SetFaults with a Plan.
func (s *Sandbox) putFaults(w http.ResponseWriter, r *http.Request) {
	var text json.RawMessage
	if !s.readJSON(w, r, &text) {
		return
	}
	plan, err := decodePlan(text)
	if err == nil {
		err = s.SetFaults(plan)
	}
	if err != nil {
		s.writeFailure(w, http.StatusBadRequest, -1, err.Error())
		return
	}
	s.getFaults(w, r)
}

// decodePlan refuses unknown fields: a fault with a typing error would never happen.
func decodePlan(text []byte) (fault.Plan, error) {
	var p fault.Plan
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&p)
	return p, err
}

// deleteFaults answers DELETE /faults: the plan is empty and the sandbox up again. Postponed
// effects of faults still happen.
func (s *Sandbox) deleteFaults(w http.ResponseWriter, r *http.Request) {
	s.faults.Replace(fault.Plan{})
	s.getFaults(w, r)
}

// flushFaults answers POST /faults/flush with the count of Flush.
func (s *Sandbox) flushFaults(w http.ResponseWriter, _ *http.Request) {
	s.writeJSON(w, http.StatusOK, map[string]int{"flushed": s.Flush()})
}
