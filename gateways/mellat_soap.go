package gateways

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

// The SOAP 1.1 of Mellat's service: one element per call, its arguments inside without a namespace, and an
// answer whose only content is one text, "return".

const (
	soapSpace   = "http://schemas.xmlsoap.org/soap/envelope/"
	mellatSpace = "http://interfaces.core.sw.bps.com/"
)

// argument is one of a call's, in the order of the service's description.
type argument struct {
	XMLName xml.Name
	Value   string `xml:",chardata"`
}

func arg[T int64 | string](name string, value T) argument {
	return argument{xml.Name{Local: name}, fmt.Sprint(value)}
}

type soapRequest struct {
	XMLName xml.Name `xml:"soapenv:Envelope"`
	Soap    string   `xml:"xmlns:soapenv,attr"`
	Bank    string   `xml:"xmlns:bank,attr"`
	Call    soapCall `xml:"soapenv:Body>call"`
}

type soapCall struct {
	XMLName   xml.Name
	Arguments []argument
}

type soapAnswer struct {
	XMLName xml.Name `xml:"http://schemas.xmlsoap.org/soap/envelope/ Envelope"`
	Body    struct {
		Answers []struct {
			XMLName xml.Name
			Return  []string `xml:"return"`
		} `xml:",any"`
	} `xml:"http://schemas.xmlsoap.org/soap/envelope/ Body"`
}

// soap makes one call and returns its text. Only a complete answer to this very call counts; its errors quote
// nothing of what was sent or received.
func (a *mellatAccount) soap(ctx context.Context, op string, readOnly bool, arguments ...argument) (string, error) {
	arguments = append([]argument{
		arg("terminalId", a.terminal), arg("userName", a.user), arg("userPassword", a.password),
	}, arguments...)
	body, err := xml.Marshal(soapRequest{
		Soap: soapSpace, Bank: mellatSpace, Call: soapCall{xml.Name{Local: "bank:" + op}, arguments},
	})
	if err != nil {
		return "", &Unavailable{Op: op, Err: errors.New("the call cannot be written")}
	}
	req, err := http.NewRequest(http.MethodPost, a.base+"/pgwchannel/services/pgw", strings.NewReader(xml.Header+string(body)))
	if err != nil {
		return "", &Unavailable{Op: op, Err: withoutURL(err)}
	}
	req.Header.Set("Content-Type", "text/xml; charset=utf-8")
	req.Header.Set("SOAPAction", `""`)
	got, err := call(ctx, a.client, op, readOnly, req)
	switch {
	case err != nil:
		return "", err
	case got.status == http.StatusTooManyRequests:
		return "", &Unavailable{Op: op, Err: errors.New("too many calls")}
	case got.status != http.StatusOK: // a SOAP fault is a 500: nobody knows how far the call came
		return "", &Unknown{Op: op, Err: fmt.Errorf("unclear answer: HTTP %d", got.status)}
	}
	text, ok := soapText(op, got.body)
	if !ok {
		return "", &Unknown{Op: op, Err: errors.New("the answer is not the bank's")}
	}
	return text, nil
}

// soapText takes the one text out of an answer to op.
func soapText(op string, body []byte) (string, bool) {
	var answer soapAnswer
	d := xml.NewDecoder(bytes.NewReader(body))
	if d.Decode(&answer) != nil {
		return "", false
	}
	for { // nothing but white space may follow
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if text, ok := token.(xml.CharData); err != nil || !ok || len(bytes.TrimSpace(text)) > 0 {
			return "", false
		}
	}
	if len(answer.Body.Answers) != 1 {
		return "", false
	}
	got := answer.Body.Answers[0]
	if got.XMLName != (xml.Name{Space: mellatSpace, Local: op + "Response"}) || len(got.Return) != 1 {
		return "", false
	}
	return strings.TrimSpace(got.Return[0]), true
}

// mellatCode is how the service writes a code.
var mellatCode = regexp.MustCompile(`^[0-9]{1,4}$`)

// code makes a call that is answered by a code alone.
func (a *mellatAccount) code(ctx context.Context, op string, readOnly bool, arguments ...argument) (int, error) {
	text, err := a.soap(ctx, op, readOnly, arguments...)
	if err != nil {
		return 0, err
	}
	if !mellatCode.MatchString(text) {
		return 0, &Unknown{Op: op, Err: errors.New("the answer is not a code")}
	}
	return strconv.Atoi(text)
}
