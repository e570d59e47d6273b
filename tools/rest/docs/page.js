// Sends the requests of the page and shows what comes back.
(() => {
	"use strict";

	const element = (name, words, className) => {
		const made = document.createElement(name);
		made.textContent = words;
		made.className = className || "";
		return made;
	};

	// What the form would send, as fetch() takes it.
	const requestOf = (form) => {
		const section = form.closest("section");
		const [header, prefix] = section.dataset.credential.split("|");
		const headers = { Accept: section.dataset.answers };

		if (!("public" in form.dataset))
			headers[header] = prefix + section.querySelector("[name=token]").value;
		if (form.elements.body)
			headers["Content-Type"] = section.dataset.reads;
		return {
			method: form.dataset.method,
			headers,
			body: form.elements.body?.value,
			cache: "no-store",
			credentials: "omit",
			redirect: "manual",
		};
	};

	const pretty = (words) => {
		try {
			return JSON.stringify(JSON.parse(words), null, 2);
		} catch {
			return words;
		}
	};

	const show = (output, isGood, title, headers, body) => {
		output.className = isGood ? "good" : "bad";
		output.replaceChildren(element("b", title));
		for (const [words, name] of [[headers, "headers"], [body, "body"]]) {
			if (!words)
				continue;
			const pre = element("pre", words, name);
			pre.tabIndex = 0;
			output.append(pre);
		}
	};

	const send = async (form) => {
		const output = form.querySelector("output");
		const button = form.querySelector("button");
		const target = form.elements.target.value;

		button.disabled = true;
		try {
			// An address with a host of its own would take the token there.
			if (!target.startsWith("/") || target.startsWith("//"))
				throw new Error("The path begins with one slash.");
			const began = performance.now();
			const answer = await fetch(location.origin + target, requestOf(form));
			const words = await answer.text();
			const took = Math.round(performance.now() - began);
			const headers = [...answer.headers].map(([k, v]) => k + ": " + v).join("\n");
			show(output, answer.ok,
				`${answer.status} ${answer.statusText} in ${took} ms`, headers, pretty(words));
		} catch (error) {
			show(output, false, "No answer: " + error.message);
		}
		button.disabled = false;
	};

	// The curl command follows what is entered.
	const follow = (input) => {
		const place = input.name === "token" ?
			input.closest("section") : input.closest("details");

		for (const span of place.querySelectorAll(`[data-is=${input.name}]`))
			span.textContent = input.value.replaceAll("'", "'\\''");
	};

	const copy = async (button) => {
		const words = button.textContent;

		try {
			await navigator.clipboard.writeText(
				button.closest("details").querySelector("pre").textContent);
			button.textContent = "Copied";
		} catch {
			getSelection().selectAllChildren(
				button.closest("details").querySelector("pre"));
			button.textContent = "Selected: press Ctrl+C";
		}
		setTimeout(() => { button.textContent = words; }, 2000);
	};

	const openTarget = () => {
		const target = location.hash && document.getElementById(location.hash.slice(1));

		if (target instanceof HTMLDetailsElement)
			target.open = true;
	};

	document.addEventListener("submit", (event) => {
		event.preventDefault();
		send(event.target);
	});
	document.addEventListener("input", (event) => follow(event.target));
	document.addEventListener("click", (event) => {
		const button = event.target.closest("[data-does=copy]");
		if (button)
			copy(button);
	});
	// As in other forms for code: Ctrl+Enter sends.
	document.addEventListener("keydown", (event) => {
		if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.form)
			event.target.form.requestSubmit();
	});
	addEventListener("hashchange", openTarget);
	openTarget();
})();
