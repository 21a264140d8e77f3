package channels

import (
	"fmt"
	"strings"
	"time"
)

// Markdown returns the matrix as a document: one table for each profile.
func Markdown() string {
	var b strings.Builder
	b.WriteString(preface)
	var profile string
	var outside []string
	for _, r := range rows() {
		if r.Profile != profile {
			writeOutside(&b, outside)
			profile, outside = r.Profile, nil
			fmt.Fprintf(&b, "\n## %s\n\n", profile)
			b.WriteString("| channel | terminate | recall | override | names | window | slot | reports | limits | note | source | checked |\n")
			b.WriteString("|---|---|---|---|---|---|---|---|---|---|---|---|\n")
		}
		if r.Outside {
			outside = append(outside, "`"+r.Channel+"`")
			continue
		}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(cells(r), " | "))
	}
	writeOutside(&b, outside)
	return b.String()
}

const preface = `# What can be taken back

Generated from the table in package channels by ` + "`go test ./channels -update`" + `; do not edit.

A profile is a set of rules a push falls under; ` + "`native`" + ` is the best each vendor's own API allows.

- **withhold**: what is not delivered yet stays undelivered. **remove**: the notification vanishes.
  **overwrite**: another text takes its place. **none**: not possible.
- *terminate*, *recall* and *override* are the actions one can ask for. A scheduled push that has not started can always be cancelled.
- *names*: whether a command can name devices, or only a whole send with all its recipients. A whole send is taken back, also from
  those who clicked, only if the recall says so; "by their id" means that the vendor's id of the send must have been reported with ` + "`push.sent`" + `.
- *window*: how long after the send it is allowed; "-" where none is stated.
- *slot*: whether the push must have been sent with a slot. Without one, nothing happens where it is "required";
  where it is "to remove or overwrite", what is undelivered can still be withheld. "A number" is 0 to 2147483647,
  "a word" 1 to 32 letters, digits, - or _, "a short word" at most 8 of them; another slot is as good as none there.
- *reports*: what the channel tells back. Elsewhere "accepted" means that the vendor took the command, not that the notification is gone.
- *limits*: per call and per second, where a figure is known; an unknown result is repeated only where the row says so.
- **(!)** beside the date: the vendor's own page could not be read, or does not say it; the row follows the nearest documented form,
  so try the call in the vendor's sandbox before relying on it. Under a profile the mark speaks of the profile's page.
`

func writeOutside(b *strings.Builder, names []string) {
	if len(names) > 0 {
		fmt.Fprintf(b, "\nNot reached under this profile, not even by a forced override: %s.\n", strings.Join(names, ", "))
	}
}

func cells(r Row) []string {
	date := r.Checked
	if !r.Verified {
		date += " **(!)**"
	}
	return []string{
		cell(r.Title) + "<br>`" + r.Channel + "`",
		string(r.Terminate), string(r.Recall), string(r.Override),
		names(r), window(r), slot(r), reports(r), limits(r),
		cell(r.Note), source(r.Source), date,
	}
}

// cell makes text safe inside a table.
func cell(s string) string { return strings.NewReplacer("|", "\\|", "\n", " ").Replace(s) }

// capable reports whether any action does anything on the channel.
func capable(r Row) bool { return r.Terminate != None || r.Recall != None || r.Override != None }

func names(r Row) string {
	switch {
	case !capable(r):
		return "-"
	case r.Granularity == PerDevice:
		return "devices"
	case r.OverwritePerDevice && r.Override == Overwrite:
		return "whole sends" + sendID(r) + "; devices to overwrite"
	}
	return "whole sends" + sendID(r)
}

// sendID says that the vendor's id of the send must be known.
func sendID(r Row) string {
	if r.NeedsSend {
		return ", by their id"
	}
	return ""
}

func window(r Row) string {
	d := r.Window
	switch {
	case d == 0 || !capable(r):
		return "-"
	case d > day && d%day == 0:
		return fmt.Sprintf("%d days", d/day)
	}
	return fmt.Sprintf("%d h", d/time.Hour)
}

func slot(r Row) string {
	every, some := true, false
	for _, m := range []Method{r.Terminate, r.Recall, r.Override} {
		if m != None {
			every, some = every && r.needsSlot(m), some || r.needsSlot(m)
		}
	}
	switch {
	case !some:
		return "-"
	case every:
		return "required" + slotForm(r)
	}
	return "to remove or overwrite" + slotForm(r)
}

// slotForm says which slots fit where not every one does.
func slotForm(r Row) string {
	switch r.SlotForm {
	case SlotInteger:
		return ", a number"
	case SlotWord:
		return ", a word"
	case SlotShort:
		return ", a short word"
	}
	return ""
}

func reports(r Row) string {
	var said []string
	if r.ReportsDisplay {
		said = append(said, "display")
	}
	if r.ReportsRemoval {
		said = append(said, "removal")
	}
	if len(said) == 0 {
		return "-"
	}
	return strings.Join(said, ", ")
}

func limits(r Row) string {
	if !capable(r) {
		return "-"
	}
	var said []string
	if r.PerCall > 0 {
		said = append(said, fmt.Sprintf("%d per call", r.PerCall))
	}
	if r.PerSecond > 0 {
		said = append(said, fmt.Sprintf("%d calls/s", r.PerSecond))
	}
	if r.Repeatable {
		said = append(said, "repeatable")
	}
	if len(said) == 0 {
		return "-"
	}
	return strings.Join(said, ", ")
}

// source makes links of the addresses in a source text, whose parts are
// separated by semicolons; what follows an address stays text.
func source(s string) string {
	parts := strings.Split(s, "; ")
	for i, p := range parts {
		address, rest, _ := strings.Cut(p, ", ")
		if host, ok := strings.CutPrefix(address, "https://"); ok {
			host, _, _ = strings.Cut(host, "/")
			parts[i] = "[" + host + "](" + address + ")"
			if rest != "" {
				parts[i] += ", " + cell(rest)
			}
		} else {
			parts[i] = cell(p)
		}
	}
	return strings.Join(parts, "; ")
}
