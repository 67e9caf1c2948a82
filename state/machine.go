// Package state holds every state machine of the system as a table of allowed transitions.
// Nothing else decides what may follow what: store commands build their conditions from here,
// docs/states.md is drawn from here.
package state

import (
	"fmt"
	"slices"
	"strings"
)

// Machine is one state machine: its name, where it starts, and every allowed transition.
type Machine[S ~string] struct {
	Name        string
	Initial     S
	Transitions []Transition[S]
}

// Transition is one allowed step and the reason it happens.
type Transition[S ~string] struct {
	From, To S
	When     string
}

// Allows says whether a row may go from one state to another.
func (m Machine[S]) Allows(from, to S) bool {
	return slices.ContainsFunc(m.Transitions, func(t Transition[S]) bool { return t.From == from && t.To == to })
}

// Into lists the states from which a row may enter `to`, in table order.
func (m Machine[S]) Into(to S) []S {
	var from []S
	for _, t := range m.Transitions {
		if t.To == to && !slices.Contains(from, t.From) {
			from = append(from, t.From)
		}
	}
	return from
}

// Terminal says whether no transition leaves s.
func (m Machine[S]) Terminal(s S) bool {
	return !slices.ContainsFunc(m.Transitions, func(t Transition[S]) bool { return t.From == s })
}

// States lists every state, the initial one first, then in the order the table names them.
func (m Machine[S]) States() []S {
	states := []S{m.Initial}
	for _, t := range m.Transitions {
		for _, s := range []S{t.From, t.To} {
			if !slices.Contains(states, s) {
				states = append(states, s)
			}
		}
	}
	return states
}

// Mermaid draws the machine as a state diagram for the docs.
func (m Machine[S]) Mermaid() string {
	var b strings.Builder
	fmt.Fprintf(&b, "stateDiagram-v2\n    [*] --> %s\n", m.Initial)
	for _, t := range m.Transitions {
		fmt.Fprintf(&b, "    %s --> %s: %s\n", t.From, t.To, t.When)
	}
	for _, s := range m.States() {
		if m.Terminal(s) {
			fmt.Fprintf(&b, "    %s --> [*]\n", s)
		}
	}
	return b.String()
}
