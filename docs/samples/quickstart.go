package main // Token, read, search, write. Run (Go 1.22 or newer): CLIENT_SECRET=… go run quickstart.go

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"
)

func call(method, url, body string, header http.Header) (status int, found map[string]any) {
	request, _ := http.NewRequest(method, url, strings.NewReader(body))
	request.Header = header
	response, err := http.DefaultClient.Do(request)
	if err != nil || response.StatusCode >= 300 || json.NewDecoder(response.Body).Decode(&found) != nil {
		panic(fmt.Sprint(method, " ", url, ": ", response, err))
	}
	return response.StatusCode, found
}

func main() {
	base := cmp.Or(os.Getenv("BASE"), "http://127.0.0.1:3000")
	client := []byte(cmp.Or(os.Getenv("CLIENT_ID"), "editor") + ":" + os.Getenv("CLIENT_SECRET"))
	header := http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString(client)}}
	_, token := call("POST", base+"/token?grant_type=client_credentials", "", header)
	header.Set("Authorization", fmt.Sprint("Bearer ", token["access_token"]))
	_, patient := call("GET", base+"/careconnect-ri/STU3/Patient/4", "", header)
	fmt.Println(patient["name"].([]any)[0].(map[string]any)["family"])
	_, page := call("GET", base+"/careconnect-ri/STU3/Observation?patient=4&_total=accurate", "", header)
	fmt.Println(page["total"], "observations") // they come a page at a time, and `link` leads to the next one
	header.Set("Content-Type", "application/fhir+json")
	header.Set("If-None-Exist", "identifier=https://my-app.example.org/quickstart%7Cgo") // 201, then 200
	status, written := call("POST", base+"/careconnect-ri/STU3/Observation", `{"resourceType": "Observation",
		"identifier": [{"system": "https://my-app.example.org/quickstart", "value": "go"}], "status": "final",
		"code": {"text": "Heart rate"}, "subject": {"reference": "Patient/4"}, "effectiveDateTime": "`+
		time.Now().UTC().Format(time.RFC3339)+`", "valueQuantity": {"value": 72, "unit": "/min"}}`, header)
	fmt.Printf("%d Observation/%v\n", status, written["id"])
}
