package devserver_test

import (
	"fmt"
	"io"
	"net/http"

	"infuse/fetch/devserver"
)

func Example() {
	srv := devserver.New(devserver.Config{})
	project := srv.AddProject(devserver.ProjectConfig{Name: "Shop"})
	project.Set("dev", "/", "GREETING", "hello")
	identity := srv.AddIdentity(devserver.Identity{})

	req, _ := http.NewRequest("GET", "http://dev.test/api/v4/secrets/GREETING?environment=dev&projectId="+project.ID(), nil)
	req.Header.Set("Authorization", "Bearer "+srv.IssueToken(identity.ID))
	resp, err := (&http.Client{Transport: srv.Transport()}).Do(req)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	fmt.Println(resp.Status, len(body) > 0, project.Slug())
	// Output: 200 OK true shop
}
