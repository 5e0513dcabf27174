package demo

import (
	"fmt"
	"math"
)

const (
	tolerance = 3.0 // points that a share may be off
	// A splitter that drew lots would be off by more than the tolerance once
	// in sixteen thousand measurements.
	sigmas  = 4
	atLeast = 1000 // requests of a measurement
)

// needed is how many requests make a share of so many percent known to the
// tolerance.
//
// Of 50 %: lots have a deviation of 50/√n points; 4 × 50/√n = 3 gives n = 4445.
func needed(percent float64) int {
	p := percent / 100
	const precision = 100 * sigmas / tolerance
	return max(atLeast, int(math.Ceil(p*(1-p)*precision*precision)))
}

// measurement of one step.
type measurement struct {
	step    string  // its name
	version string  // whose share it is
	wanted  float64 // percent
	beta    bool    // requests with the header must all be answered by version
	got     counts
}

func (m measurement) measured() float64 { return share(m.got.plain, m.version) }

func (m measurement) off() float64 { return m.measured() - m.wanted }

// problems with what was measured, as sentences.
func (m measurement) problems() []string {
	var problems []string
	if n := total(m.got.plain); n == 0 {
		problems = append(problems, fmt.Sprintf("%s: no request was answered", m.step))
	} else if math.Abs(m.off()) > tolerance {
		problems = append(problems, fmt.Sprintf("%s: %s got %.2f %% of %d requests, wanted %.0f %%: more than %.0f points off",
			m.step, m.version, m.measured(), n, m.wanted, tolerance))
	}
	others := total(m.got.beta) - m.got.beta[m.version]
	if m.beta && (others > 0 || total(m.got.beta) == 0) {
		problems = append(problems, fmt.Sprintf("%s: %d of %d requests with %s were not answered by %s",
			m.step, others, total(m.got.beta), headerBeta, m.version))
	}
	return problems
}

func (m measurement) String() string {
	text := fmt.Sprintf("%s: %s gets %.2f %% of %d requests", m.step, m.version, m.measured(), total(m.got.plain))
	if m.beta {
		text += fmt.Sprintf(", and %d of %d with %s", m.got.beta[m.version], total(m.got.beta), headerBeta)
	}
	return text
}
