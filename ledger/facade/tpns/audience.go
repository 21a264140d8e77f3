package tpns

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
)

// audienceType is one of the vendor's words for whom a push goes to.
type audienceType struct {
	name string
	kind events.AudienceKind
	// single names one device or user: the first, should there be more.
	single bool
	// timed can have a send_time.
	timed bool
	// collapsible gets a collapse_id.
	collapsible bool
	// allows are the actions by which a push to this audience can be taken back.
	// The ledger refuses by the audience's kind; this tells lists apart.
	allows []channels.Action
}

// audienceTypes follow tencentcloud.com/document/product/1024/33764 (what can be
// timed) and 1024/39003 (what can be taken back: all devices, account lists and
// tags; cancelled: all devices, account packages and tags), checked 2026-11-20.
// A package is a list that was uploaded before. For an override 33764 names
// packages where 39003 names account lists; both are taken.
func audienceTypes() []audienceType {
	whole := []channels.Action{channels.Terminate, channels.Recall, channels.Override}
	timed := append(slices.Clone(whole), channels.Cancel)
	return []audienceType{
		{name: "all", kind: events.AudienceAll, timed: true, collapsible: true, allows: timed},
		{name: "tag", kind: events.AudienceTag, timed: true, collapsible: true, allows: timed},
		{name: "token", kind: events.AudienceDevice, single: true},
		{name: "token_list", kind: events.AudienceList},
		{name: "account", kind: events.AudienceUser, single: true},
		{name: "account_list", kind: events.AudienceList, collapsible: true, allows: whole},
		{name: "package_account_push", kind: events.AudienceList, timed: true, collapsible: true, allows: timed},
		{name: "package_token_push", kind: events.AudienceList, timed: true},
	}
}

// kindOf returns the audience of a name.
func kindOf(name string) (audienceType, bool) {
	for _, k := range audienceTypes() {
		if k.name == name {
			return k, true
		}
	}
	return audienceType{}, false
}

func (q *pushRequest) kind() (audienceType, error) {
	if q.Audience == "" {
		return audienceType{}, fail(codeMissing, "audience_type is missing")
	}
	k, known := kindOf(string(q.Audience))
	if !known {
		return k, fail(codeInvalid, "audience_type is none of all, tag, token, token_list, account, account_list, package_account_push, package_token_push")
	}
	return k, nil
}

// audience describes whom the push goes to. target identifies it exactly, where
// the description does not.
func (q *pushRequest) audience(k audienceType, n *events.Created) (target string, err error) {
	n.Audience.Kind = k.kind
	var names []text
	switch k.name {
	case "all":
		return digest(k.name), nil
	case "tag":
		return q.tags(n)
	case "token", "token_list":
		names = q.TokenList
	case "account", "account_list":
		names = q.AccountList
	default:
		if q.UploadID <= 0 {
			return "", fail(codeMissing, "upload_id is missing")
		}
		return digest(k.name, string(marshal(q.UploadID))), nil
	}
	if err := checkNames(k, names); err != nil {
		return "", err
	}
	if k.single {
		names = names[:1]
		n.Audience.Names = []string{string(names[0])}
	}
	parts := make([]string, 0, len(names)+1)
	for _, name := range names {
		parts = append(parts, string(name))
	}
	slices.Sort(parts)
	return digest(append(parts, k.name)...), nil
}

// checkNames checks the devices or accounts of a push.
func checkNames(k audienceType, names []text) error {
	switch {
	case len(names) == 0:
		return fail(codeNobody, "no token and no account")
	case len(names) > maxNames:
		return fail(codeInvalid, "there are %d tokens or accounts, the limit is %d", len(names), maxNames)
	}
	devices := strings.HasPrefix(k.name, "token")
	for _, name := range names {
		if devices && (name == "" || len(name) > maxToken) {
			return fail(codeToken, "a token is empty or has more than %d characters", maxToken)
		}
		if err := events.CheckID("account_list", string(name), events.MaxUser); !devices && err != nil {
			return err
		}
	}
	return nil
}

type tagList struct {
	Tags []text `json:"tags"`
	Op   text   `json:"op"`
}

type tagRule struct {
	Items []struct {
		Tags []text `json:"tags"`
	} `json:"tag_items"`
}

// tags describes a push to tags. Rules make a list invalid, as the page says.
func (q *pushRequest) tags(n *events.Created) (target string, err error) {
	var rules []tagRule
	var list tagList
	if err := q.TagRules.decode("tag_rules", &rules); err != nil {
		return "", err
	}
	var tags []text
	for _, r := range rules {
		for _, item := range r.Items {
			tags = append(tags, item.Tags...)
		}
	}
	ruled := len(rules) > 0
	if !ruled {
		if err := q.TagList.decode("tag_list", &list); err != nil {
			return "", err
		}
		tags = list.Tags
		slices.Sort(tags)
	}
	if len(tags) == 0 {
		return "", fail(codeMissing, "tag_rules and tag_list name no tag")
	}
	for _, t := range tags[:min(len(tags), events.MaxNames)] {
		n.Audience.Names = append(n.Audience.Names, string(t))
	}
	if ruled {
		return digest("rules", string(marshal(q.TagRules))), nil
	}
	op := strings.ToUpper(string(list.Op))
	switch op {
	case "AND", "OR":
	case "":
		op = "OR"
	default:
		return "", fail(codeInvalid, "tag_list.op is neither AND nor OR")
	}
	n.Labels[labelOperator] = op
	return digest("tags", op, string(marshal(tags))), nil
}

// marshal writes a value compactly, so that white space tells nothing apart.
func marshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil { // it was read from JSON
		panic(err)
	}
	return b
}

// digest identifies an audience within the length of a label.
func digest(parts ...string) string {
	sum := sha256.Sum256(marshal(parts))
	return hex.EncodeToString(sum[:16])
}
