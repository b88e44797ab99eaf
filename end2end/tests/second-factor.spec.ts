// A workspace that asks its members for a second factor, and a member who has none.
import { code, confirmed, enrol, expect, mailed, member, owner, password, press, signInWith, test } from "../support";

for (const scripts of [true, false]) {
  test.describe(scripts ? "with scripts" : "without scripts", () => {
    test.use({ javaScriptEnabled: scripts });

    test("a member without a second factor is led to set one up, and goes on", async ({ page, cli, enter, browser, portal }) => {
      const { email } = await owner(cli);
      await enter(page, email);
      const other = await member(page, { cli, browser, portal }, ["developer"], { javaScriptEnabled: scripts });
      // Whoever asks for one has one.
      await page.goto("/settings/workspace/second-factor");
      await expect(page.getByText("Set up a second factor of your own first")).toBeVisible();
      await enrol(page);
      await page.goto("/settings/workspace");
      await expect(page.getByText("1 of 2 members have none yet.")).toBeVisible();
      await page.getByRole("link", { name: "Require a second factor…" }).click();
      await expect(page.getByRole("heading", { name: "Require a second factor?" })).toBeVisible();
      await confirmed(page, "Require second factor");
      await expect(page.getByText("A second factor is required from now on.")).toBeVisible();
      await mailed(portal, other.email, /asks for a second factor$/);

      for (const path of ["/keys", "/dashboard", "/keys/new", "/logs", "/members", "/settings/sessions", "/settings/account"]) {
        await other.page.goto(path);
        await expect(other.page, path).toHaveURL(/\/settings\/security\?enrol=1$/);
      }
      await expect(other.page.getByText("asks its members for a second factor.")).toBeVisible();
      const { manual } = await enrol(other.page);
      expect((await other.page.goto("/keys"))?.status()).toBe(200);
      await expect(other.page).toHaveURL(/\/keys$/);

      // From now on it is asked for when they sign in, and cannot be left out.
      await other.page.context().clearCookies();
      await signInWith(other.page, other.email, password);
      await expect(other.page).toHaveURL(/\/login\/code/);
      await other.page.goto("/keys");
      await expect(other.page).toHaveURL(/\/login\?next=/);
      await signInWith(other.page, other.email, password);
      await other.page.getByLabel("Code").fill(await code(manual));
      await press(other.page, "Continue");
      await expect(other.page).toHaveURL(/\/dashboard$/);
      await other.page.context().close();
    });
  });
}
