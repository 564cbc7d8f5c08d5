//go:build linux

package tally

import "twomsl/internal/record"

// MergeOutcomes adds outcomes to a list: those of one kind become one.
func MergeOutcomes(list, more []record.Outcome) []record.Outcome {
	for _, o := range more {
		list = addOutcome(list, o)
	}
	return list
}

func addOutcome(list []record.Outcome, o record.Outcome) []record.Outcome {
	for i := range list {
		same := list[i]
		same.Count = o.Count
		if same == o {
			list[i].Count += o.Count
			return list
		}
	}
	return append(list, o)
}
