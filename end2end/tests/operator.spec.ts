// Who runs the installation: acting in a workspace, openly and for a while, and resetting a person's second factors.
import { confirmed, enrol, enter, expect, mailed, maker, operator, owner, password, send, signInWith, test, unique } from "../support";

for (const scripts of [true, false]) {
  test.describe(scripts ? "with scripts" : "without scripts", () => {
    test.use({ javaScriptEnabled: scripts });

    test("an operator acts in a workspace before its people's eyes, and never for its secrets", async ({ page, signIn, browser, portal }) => {
      const reason = unique("Ticket");
      await signIn(page, operator);
      await page.goto("/admin?q=Harbor");
      await page.getByLabel("Actions for Harbor Coffee").click();
      await page.getByRole("link", { name: "Act in it…" }).click();
      await expect(page.getByRole("heading", { name: "Act in “Harbor Coffee”?" })).toBeVisible();
      await page.getByLabel("Reason").fill(reason);
      const other = await (await browser.newContext({ baseURL: portal, javaScriptEnabled: scripts })).newPage();
      await enter(other, maker, portal);
      // Tests of this worker share its demo: whatever happens, the act must end with this one.
      try {
        await confirmed(page, "Start acting");
        await expect(page).toHaveURL(/\/dashboard$/);
        const bar = page.getByRole("region", { name: "Acting as operator" });
        await expect(bar).toContainText("You are acting in Harbor Coffee until");
        await expect(bar).toContainText(reason);
        await other.goto("/keys");
        await expect(other.getByText(/^Operator .* is acting in this workspace/)).toBeVisible();
        await expect(other.getByText(reason)).toBeVisible();

        expect((await page.goto("/keys"))?.status()).toBe(200);
        await expect(page.getByRole("link", { name: "Create key" })).toHaveCount(0);
        expect((await page.goto("/keys/new"))?.status()).toBe(403);
        expect((await send(page, "/keys/new", [["label", "x"]])).status()).toBe(403);
        expect((await page.goto("/audit"))?.status()).toBe(200);
        await expect(page.getByText(`Began to act here as operator: “${reason}”`)).toBeVisible();

        await bar.getByRole("button", { name: "Stop acting" }).click();
        await expect(bar).toHaveCount(0);
        expect((await page.request.get("/keys", { maxRedirects: 0 })).status()).not.toBe(200);
        await other.goto("/keys");
        await expect(other.getByText(reason)).toHaveCount(0);
      } finally {
        await send(page, "/acting/end", []);
        await other.context().close();
      }
    });

    test("an operator takes a person's second factors, and both are told", async ({ page, signIn, cli, browser, portal }) => {
      const { email } = await owner(cli);
      const reason = unique("Lost phone");
      const theirs = await (await browser.newContext({ baseURL: portal, javaScriptEnabled: scripts })).newPage();
      await enter(theirs, email, portal);
      await enrol(theirs);
      await signIn(page, operator);
      await page.goto(`/admin/people?q=${encodeURIComponent(email)}`);
      await page.getByLabel("Actions for Olu Ferreira").click();
      await page.getByRole("link", { name: "Reset second factors…" }).click();
      await expect(page.getByText("Password, authenticator, 10 recovery codes")).toHaveCount(scripts ? 2 : 1);
      // Not without saying why.
      await page.getByLabel("Reason").fill("x");
      expect((await confirmed(page, "Reset second factors")).status()).toBe(422);
      await page.getByLabel("Reason").fill(reason);
      await confirmed(page, "Reset second factors");
      await expect(page.getByText("Second factors reset. The person and all operators were told.")).toBeVisible();

      // Their sessions ended with it, and the password alone signs in.
      await theirs.goto("/keys");
      await expect(theirs).toHaveURL(/\/login\?next=/);
      await signInWith(theirs, email, password);
      await expect(theirs).toHaveURL(/\/dashboard$/);
      expect((await mailed(portal, email, /^Your second factors were reset$/)).text).toContain(reason);
      expect((await mailed(portal, operator, /^Second factors of Olu Ferreira were reset$/)).text).toContain(reason);
      await theirs.context().close();
    });

    test("to everybody else there are no operator's pages", async ({ page, enter }) => {
      await enter(page, maker);
      for (const path of ["/admin", "/admin/people", "/admin/workspaces/wsp_00000000000000000000000000/act"]) {
        expect((await page.goto(path))?.status(), path).toBe(404);
      }
      await expect(page.getByRole("link", { name: "Operator" })).toHaveCount(0);
    });
  });
}
