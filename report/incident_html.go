package report

import (
	"bytes"

	"twomsl/internal/record"
	"twomsl/report/compare"
)

func init() { registerIncident("html", writeIncidentHTML) }

// writeIncidentHTML makes the page of an incident.
func writeIncidentHTML(b *bytes.Buffer, i *record.Incident, opt Options) error {
	opt = beside(i.ID, opt)
	figures, err := pageFigures(incidentFigures(i))
	if err != nil {
		return err
	}
	p := &page{
		Title: "twomsl: incident", Kind: "An incident, rebuilt and treated", Name: "incident", About: incidentTitle(i),
		Tool: clean(i.Tool),
	}
	for _, t := range i.Trials()[:min(1, len(i.Trials()))] {
		p.Facts = append(p.Facts, kernel(&t.Environment), incidentEngines(i), incidentRuns(i))
	}
	for _, part := range incidentParts {
		w := newWording()
		part.tell(w, i)
		if part.id == "answer" {
			p.answer(w.said)
			continue
		}
		s := &pageSection{ID: part.id, Title: part.title}
		s.say(w.said)
		p.add(s)
		if part.id == "outgoing" {
			p.add(&pageSection{ID: "charts", Title: "Charts", Figures: figures})
		}
	}
	for _, t := range i.Trials()[:min(1, len(i.Trials()))] {
		p.add(trialEnvironment(t))
	}
	again := &pageSection{ID: "repeat", Title: "Repeat it"}
	again.code("Run it again:", clean(i.Command))
	again.again(opt)
	p.add(again)
	return p.write(b)
}

// incidentFigures are the charts of the story: the same axes for both times.
func incidentFigures(i *record.Incident) (out []pictured) {
	both := func(act *record.BeforeAfter, before string) (list []course) {
		if act.Before != nil {
			list = append(list, course{before, compare.Curve([]*record.Trial{act.Before})})
		}
		if act.After != nil {
			list = append(list, course{withRecipe, compare.Curve([]*record.Trial{act.After})})
		}
		return list
	}
	add := func(id, title string, f *pictured) {
		if f != nil {
			f.name, f.title = id+"-"+f.name, title+": "+f.title
			out = append(out, *f)
		}
	}
	add("found", "as found", drawTimeWait(both(&i.Found, asFound)))
	for n, t := range []*record.Trial{i.Found.Before, i.Found.After} {
		if t == nil {
			continue
		}
		for _, f := range drawCanaries(t) {
			add([2]string{"found", "treated"}[n], [2]string{asFound, withRecipe}[n], &f)
		}
	}
	outgoing := both(&i.Outgoing, "without")
	add("outgoing", "its own connections", drawTimeWait(outgoing))
	add("outgoing", "its own connections", drawConnections(outgoing))
	return out
}

// IncidentPictures draws i as Pictures draws a comparison.
func IncidentPictures(i *record.Incident, kind string) ([]Picture, error) {
	return drawn(incidentFigures(i), "incident", kind)
}
