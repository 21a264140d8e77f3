package node

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/recall-ledger/recall-ledger/events"
)

// maxSettingFile is how much the file of a setting may hold, in bytes (L11).
const maxSettingFile = 64 << 10

// decode puts settings, as a configuration file has them, into the fields of a
// struct by their koanf names. Nothing is guessed: a name that is not known, or a
// value of another type, is an error that names the setting and not its value,
// which may be a secret. The libraries for this put the value into their errors.
func decode(place string, settings map[string]any, into any) error {
	return decodeStruct(place, settings, reflect.ValueOf(into).Elem())
}

func decodeStruct(place string, settings map[string]any, into reflect.Value) error {
	fields := map[string]reflect.Value{}
	for i := range into.NumField() {
		if name := into.Type().Field(i).Tag.Get("koanf"); name != "" && name != "-" {
			fields[name] = into.Field(i)
		}
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		here, value := place+"."+name, settings[name]
		field, ok := fields[name]
		if base, file := strings.CutSuffix(name, "_file"); !ok && file && fields[base].Kind() == reflect.String {
			if _, both := settings[base]; both {
				errs = append(errs, fieldError(here, "is set beside %s, give one of them", base))
				continue
			}
			text, err := settingFile(here, value)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			field, ok, value = fields[base], true, text
		}
		if !ok {
			errs = append(errs, fieldError(here, "is not a setting; there are %s", strings.Join(slices.Sorted(maps.Keys(fields)), ", ")))
			continue
		}
		if err := decodeValue(here, value, field); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// settingFile reads the text that a file holds, without white space around it.
func settingFile(place string, value any) (string, error) {
	name, ok := value.(string)
	if !ok {
		return "", fieldError(place, "expected the name of a file")
	}
	f, err := os.Open(name)
	if err != nil {
		return "", fmt.Errorf("%s: %w", place, err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSettingFile+1))
	switch {
	case err != nil:
		return "", fmt.Errorf("%s: %w", place, err)
	case len(b) > maxSettingFile:
		return "", fieldError(place, "the file holds more than %d bytes", maxSettingFile)
	}
	return strings.TrimSpace(string(b)), nil
}

// decodeValue puts one value into a field. A value that is left empty in the file
// says nothing.
func decodeValue(place string, value any, into reflect.Value) error {
	v := reflect.ValueOf(value)
	switch {
	case !v.IsValid():
	case into.Kind() == reflect.Struct:
		m, ok := value.(map[string]any)
		if !ok {
			return fieldError(place, "expected a section")
		}
		return decodeStruct(place, m, into)
	case into.Kind() == reflect.Slice:
		if v.Kind() != reflect.Slice {
			return fieldError(place, "expected a list")
		}
		list := reflect.MakeSlice(into.Type(), v.Len(), v.Len())
		var errs []error
		for i := range v.Len() {
			errs = append(errs, decodeValue(fmt.Sprintf("%s[%d]", place, i), v.Index(i).Interface(), list.Index(i)))
		}
		into.Set(list)
		return errors.Join(errs...)
	case into.CanInt():
		if !v.CanInt() || into.OverflowInt(v.Int()) {
			return fieldError(place, "expected a whole number")
		}
		into.SetInt(v.Int())
	case into.Kind() != v.Kind():
		return fieldError(place, "expected %s", map[reflect.Kind]string{
			reflect.String: "text; put it in quotes", reflect.Bool: "true or false",
		}[into.Kind()])
	default:
		into.Set(v.Convert(into.Type()))
	}
	return nil
}

func fieldError(place, format string, args ...any) error {
	return &events.FieldError{Field: place, Reason: fmt.Sprintf(format, args...)}
}
