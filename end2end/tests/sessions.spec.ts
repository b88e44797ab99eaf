// Where a person is signed in, and closing an account with what becomes of its keys.
import { address, confirmed, customers, enter, expect, mailed, makeKey, member, owner, password, press, signInWith, test } from "../support";

const firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0";

for (const scripts of [true, false]) {
  test.describe(scripts ? "with scripts" : "without scripts", () => {
    test.use({ javaScriptEnabled: scripts });

    test("sessions are listed, and ended one or all others at a time", async ({ page, cli, browser, portal }) => {
      const { email } = await owner(cli);
      await signInWith(page, email, password);
      await expect(page).toHaveURL(/\/dashboard$/);
      const other = await (await browser.newContext({ baseURL: portal, userAgent: firefox, javaScriptEnabled: scripts })).newPage();
      await signInWith(other, email, password);
      await expect(other).toHaveURL(/\/dashboard$/);
      // A browser that is new to them is told of.
      await mailed(portal, email, /^New sign-in from Firefox on Linux$/);

      await page.goto("/settings/sessions");
      const rows = page.getByRole("table", { name: "Your sessions" }).getByRole("row");
      await expect(rows).toHaveCount(3);
      const [mine, theirs] = [rows.filter({ hasText: "Chrome on" }), rows.filter({ hasText: "Firefox on Linux" })];
      await expect(mine).toContainText("This browser");
      await expect(theirs).not.toContainText("This browser");
      await expect(theirs).toContainText("127.0.0.1");
      await theirs.getByRole("button", { name: "Sign out" }).click();
      await expect(page.getByText("Signed out there.")).toBeVisible();
      await expect(rows).toHaveCount(2);
      await other.goto("/keys");
      await expect(other).toHaveURL(/\/login\?next=/);

      await signInWith(other, email, password);
      await expect(other).toHaveURL(/\/dashboard$/);
      const third = await (await browser.newContext({ baseURL: portal })).newPage();
      await enter(third, email, portal);
      await page.goto("/settings/sessions");
      await expect(rows).toHaveCount(4);
      await press(page, "Sign out everywhere else");
      await expect(page.getByText("Signed out everywhere else.")).toBeVisible();
      await expect(rows).toHaveCount(2);
      for (const gone of [other, third]) {
        await gone.goto("/keys");
        await expect(gone).toHaveURL(/\/login\?next=/);
        await gone.context().close();
      }
      expect((await page.goto("/keys"))?.status()).toBe(200);
      await expect(page).toHaveURL(/\/keys$/);
    });

    for (const [choice, status] of [["Keep them working", 200], ["Revoke them now", 401]] as const) {
      test(`an account is closed and its keys: ${choice}`, async ({ page, cli, enter, browser, portal, gateway }) => {
        const { email } = await owner(cli);
        await enter(page, email);
        const leaver = await member(page, { cli, browser, portal }, ["developer"], { javaScriptEnabled: scripts });
        const theirs = leaver.page;
        const key = await makeKey(theirs);
        expect((await customers(gateway, key.secret)).status).toBe(200);

        await theirs.goto("/settings/account");
        await theirs.getByRole("link", { name: "Close account" }).click();
        await expect(theirs.getByRole("region", { name: "What happens" })).toContainText("You leave it. What happens to your 1 active key there you choose below.");
        await theirs.getByRole("radio", { name: choice }).check();
        await theirs.getByLabel("Your e-mail address").fill(address());
        expect((await confirmed(theirs, "Close account")).status()).toBe(422);
        await expect(theirs.getByLabel("Your e-mail address")).toHaveAttribute("aria-invalid", "true");
        await expect(theirs.getByRole("radio", { name: choice })).toBeChecked();
        await theirs.getByLabel("Your e-mail address").fill(leaver.email);
        expect((await confirmed(theirs, "Close account")).status()).toBeLessThan(400);
        await mailed(portal, leaver.email, /^Your account was closed$/);

        await theirs.goto("/keys");
        await expect(theirs).toHaveURL(/\/login/);
        await signInWith(theirs, leaver.email, password);
        await expect(theirs.getByRole("alert")).toContainText("don't fit together");
        expect((await customers(gateway, key.secret)).status).toBe(status);
        await page.goto("/members");
        await expect(page.getByRole("table", { name: "Members" }).getByRole("row")).toHaveCount(2);
        if (status === 200) await mailed(portal, email, /handed over to you$/);
        await theirs.context().close();
      });
    }

    test("the last owner among others is told to hand over before closing", async ({ page, cli, enter, browser, portal }) => {
      const { email } = await owner(cli);
      await enter(page, email);
      const other = await member(page, { cli, browser, portal }, ["developer"]);
      await page.goto("/settings/account/close");
      await expect(page.getByText("It needs another owner before you can leave.")).toBeVisible();
      await expect(page.getByRole("link", { name: /Hand the workspace over|Hand it over/ })).toBeVisible();
      await expect(page.getByRole("button", { name: "Close account" })).toHaveCount(0);
      await other.page.context().close();
    });
  });
}
