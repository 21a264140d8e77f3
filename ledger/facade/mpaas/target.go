package mpaas

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// pair is one entry of a map that a parameter holds as JSON.
type pair struct{ key, value string }

// pairs reads such a map in its order. Go's own map would keep the last of two
// equal keys and lose a target.
func pairs(name, text string) ([]pair, error) {
	if text == "" || text == "null" {
		return nil, nil
	}
	bad := invalid("%s is not a JSON object of texts", name)
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, bad
	}
	var list []pair
	seen := map[string]bool{}
	for d.More() {
		k, err := d.Token()
		if err != nil {
			return nil, bad
		}
		v, err := d.Token()
		if err != nil {
			return nil, bad
		}
		key, _ := k.(string)
		if seen[key] {
			return nil, invalid("%s has a key twice", name)
		}
		seen[key] = true
		switch v := v.(type) {
		case string:
			list = append(list, pair{key, v})
		case json.Number: // written without quotes
			list = append(list, pair{key, v.String()})
		case bool:
			list = append(list, pair{key, strconv.FormatBool(v)})
		default:
			return nil, bad
		}
	}
	if _, err := d.Token(); err != nil {
		return nil, bad
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, bad
	}
	return list, nil
}

// targets reads TargetMsgkey: whom a message goes to, and under which id.
func (c *call) targets(delivery int64) ([]pair, error) {
	list, err := pairs("TargetMsgkey", c.values["TargetMsgkey"])
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, needTarget(delivery)
	}
	if len(list) > MaxTargets {
		return nil, failed(resultTooManyTargets, "TargetMsgkey names %d targets, the limit is %d", len(list), MaxTargets)
	}
	ids := map[string]bool{}
	for _, p := range list {
		switch {
		case p.key == "":
			return nil, needTarget(delivery)
		case p.value == "":
			return nil, invalid("TargetMsgkey has a target without a message id")
		case ids[p.value]:
			return nil, invalid("TargetMsgkey has a message id twice")
		}
		ids[p.value] = true
	}
	return list, nil
}

func needTarget(delivery int64) error {
	if delivery == deliveryUser {
		return failed(resultNeedUser, "no user is named")
	}
	return failed(resultNeedTarget, "no target is named")
}

// target is one entry of a PushMultiple.
type target struct {
	id, key string
	values  []pair
}

// batch reads the entries TargetMsg.1.Target, TargetMsg.1.MsgKey and so on.
func (c *call) batch(delivery int64) ([]target, error) {
	numbers := map[int]bool{}
	for name := range c.values {
		rest, ok := strings.CutPrefix(name, "TargetMsg.")
		if !ok {
			continue
		}
		no, _, _ := strings.Cut(rest, ".")
		n, err := strconv.Atoi(no)
		if err != nil || n < 1 || strconv.Itoa(n) != no {
			return nil, invalid("%.100q is not an entry of TargetMsg", name)
		}
		numbers[n] = true
	}
	if len(numbers) == 0 {
		return nil, needTarget(delivery)
	}
	if len(numbers) > MaxBatch {
		return nil, failed(resultTooManyTargets, "TargetMsg names %d targets, the limit is %d", len(numbers), MaxBatch)
	}
	var list []target
	keys := map[string]bool{}
	for _, n := range slices.Sorted(maps.Keys(numbers)) {
		prefix := "TargetMsg." + strconv.Itoa(n) + "."
		t := target{id: c.values[prefix+"Target"], key: c.values[prefix+"MsgKey"]}
		switch {
		case t.id == "":
			return nil, needTarget(delivery)
		case t.key == "":
			return nil, invalid("%sMsgKey is mandatory", prefix)
		case keys[t.key]:
			return nil, invalid("%sMsgKey was named before", prefix)
		}
		keys[t.key] = true
		var err error
		if t.values, err = pairs(prefix+"TemplateKeyValue", c.values[prefix+"TemplateKeyValue"]); err != nil {
			return nil, err
		}
		list = append(list, t)
	}
	return list, nil
}
